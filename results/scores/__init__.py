"""From rows to scores: means and spreads, kinds and flags, what is missing, normalization, axes, labels, notes."""
