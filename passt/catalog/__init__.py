"""Specs, named specs, cards, architectures, and the tables of checkpoints.

Values and syntax only. Nothing here imports torch, and the only files read are this room's tables.
"""
