"""The five stages of a cell, and the switches of the fixture ``toggles``."""
