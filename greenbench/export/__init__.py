"""The data out: a tidy table, and records for the places where people keep results."""
