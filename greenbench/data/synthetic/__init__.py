"""Generated examples for the tiny profile."""
