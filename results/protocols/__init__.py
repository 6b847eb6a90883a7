"""Which conclusions survive another protocol: ranks of models, their agreement, and the signs of pairs.

Scores of two protocols are never set side by side: they do not compare. Ranks and signs do.
"""
