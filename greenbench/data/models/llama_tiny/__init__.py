"""A small decoder pretrained on generated methods: T1's checkpoint in `tiny`."""
