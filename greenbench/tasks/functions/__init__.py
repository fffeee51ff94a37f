"""Tasks of the kind ``function``: a suite's own code, which needs no torch."""
