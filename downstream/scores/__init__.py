"""Predictions to scores: metrics, scoring a split, and the reasons of scores that are missing."""
