"""Data sets and models: read, split and written; no module imports torch before it is needed."""
