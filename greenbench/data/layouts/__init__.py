"""The layouts of translation data: a module for each, and those that pair and split programs."""
