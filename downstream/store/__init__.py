"""The store of embeddings: taps, their index, extraction in progress, inventory and check."""
