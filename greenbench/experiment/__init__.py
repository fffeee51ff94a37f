"""What is measured: experiment.md, the variants' folders, profiles and settings."""
