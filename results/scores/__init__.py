"""Rows to scores: means and spreads, what is missing and why, normalization, and the axes of the study."""
