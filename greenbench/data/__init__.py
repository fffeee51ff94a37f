"""Rows of data sets: read, split and written out, without torch."""
