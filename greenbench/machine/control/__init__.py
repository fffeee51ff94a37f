"""Power limits, clocks and governors: set in a context. Empty, so that the guard stays light."""
