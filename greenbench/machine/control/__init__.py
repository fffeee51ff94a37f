"""Power limits, clocks and governors: set in a context and restored. Empty, so that the guard stays light."""
