"""Ablation studies: which embeddings to compare, on which tasks, and everything that runs them."""
