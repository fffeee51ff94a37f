"""Searches the settings of knobs for the one that takes least and keeps the score, and proves it.

The search measures on validation rows. What it finds is confirmed on test rows with fresh seeds.
"""
