"""Where models come from; small pretrained ones for profile `tiny`, with their scripts."""
