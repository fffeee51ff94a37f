"""A ModernBERT of 2 M parameters pretrained on open C and C++: T2's checkpoint in `small`."""
