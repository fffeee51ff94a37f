"""Measures energy, time and quality of machine-learning pipeline variants, with pytest-benchmark."""

__version__ = "0.1.0"
