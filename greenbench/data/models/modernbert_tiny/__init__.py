"""A small ModernBERT pretrained on generated C functions, the start of the vulnerability task."""
