"""The shipped pretrained decoder, and the script that makes it."""
