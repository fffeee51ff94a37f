"""A first suite for any repository: ``greenbench init``."""
