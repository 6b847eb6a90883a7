"""Scores: HEAR's metrics, scores on a split, and the reasons of missing scores.

Code that turns predictions into scores belongs here; the event metrics are in `downstream.events`.
"""
