"""Measures energy, time and quality of machine-learning pipelines, with pytest-benchmark."""

__version__ = "0.1.0"
