"""Generated Java methods with Python and JavaScript translations and tests."""
