"""Runs: one or many studies to their rows, and plans of them."""
