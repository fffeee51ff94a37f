"""Measures energy, time and quality of machine-learning pipeline variants: a pytest-benchmark suite and plugin."""

__version__ = "0.1.0"
