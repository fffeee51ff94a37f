"""What a knob takes, and the knobs that a suite declares for its own code."""
