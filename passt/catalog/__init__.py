"""What can be asked for.

Specs, named specs, cards, architectures and the tables of checkpoints. No tensors, no files but these tables.
"""
