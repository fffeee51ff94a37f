"""Measuring in a script or a notebook, without pytest: ``greenbench.measure`` and ``measured``."""
