"""Trainings that are not repeated: their weights and their measurement, kept by what they were."""
