"""A training as data: the recipe, its schedule, and how both are read from plain values.

Nothing here trains.
"""
