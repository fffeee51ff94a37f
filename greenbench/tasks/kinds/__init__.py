"""The kinds of tasks that a file describes: their data, scores, dummy baselines and sizes."""
