"""The start of task T2 in the `small` profile: a ModernBERT of 2 M parameters, pretrained on open C and C++ sources."""
