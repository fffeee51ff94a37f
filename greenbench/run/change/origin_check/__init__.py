"""Holds one plugin, and is put on the path of the sessions of ``greenbench ci`` for its sake."""
