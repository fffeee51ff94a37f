"""Runs on many machines: blocks as jobs of Slurm, of hosts over SSH, or of this machine."""
