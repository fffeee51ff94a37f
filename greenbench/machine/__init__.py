"""The state of the machine: its energy, its settings, its GPUs and processes. Empty, so that the guard stays light."""
