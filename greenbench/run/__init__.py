"""A session: its rounds, a cell's result, a sweep of power limits, a comparison."""
