"""Stages that are not repeated: what they made and their measurement, kept by what they were."""
