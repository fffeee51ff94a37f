"""Training on several devices: a process for each, of which this one is the first."""
