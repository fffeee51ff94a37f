"""The results file: written, read back, and used to forecast."""
