"""Measures a change and its base in one job, block by block: what ``greenbench ci`` does."""
