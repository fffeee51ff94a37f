"""The pure-Python byte-level BPE tokenizer, and what it reads of a tokenizer.json."""
