"""The workshops of the five stages, and the switches that lead to them."""
