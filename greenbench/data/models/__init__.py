"""Small pretrained models that let the `tiny` profile run offline, each with the script that made it."""
