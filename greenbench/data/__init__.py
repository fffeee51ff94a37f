"""Data sets and models: read, split and written, without torch where no weights are loaded."""
