"""Scores with intervals: what a binary classifier reaches on resampled test rows, and how two of them differ on the same."""
