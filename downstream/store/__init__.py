"""The store of embeddings: taps, index, extractions in progress, inventory and check.

Code that knows the layout of the store belongs here; code that computes embeddings or scores does not.
"""
