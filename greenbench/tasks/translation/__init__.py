"""T1: code-to-code translation: its data, scores and dummy baselines."""
