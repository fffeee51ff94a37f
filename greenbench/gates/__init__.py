"""Whether gates are met: what is compared with what, how certain it is, and why nothing can be.

The package exports nothing itself: options need the grammar alone (``expression``), and importing
the judgement (``judging``) with them would slow the start of every command.
"""
