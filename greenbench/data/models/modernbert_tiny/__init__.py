"""A small ModernBERT pretrained on generated C functions: T2's checkpoint in `tiny`."""
