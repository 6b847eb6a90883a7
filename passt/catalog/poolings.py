"""Poolings: what a probe does with levels, or with the tokens of one level, and which specs may ask for it."""

from collections.abc import Sequence

from passt.tokens import TOKENS, keeps_tokens

SIDE_BY_SIDE = "concatenated"
"""The pooling of a spec whose text has none."""
OF_LEVELS = ("weighted", "weighted_normalized")
"""Poolings of levels: a probe learns a softmax weight for each."""
OF_TOKENS = ("mean", "meanmax", "attention", "attention_labels", "prototypes")
"""Poolings of the tokens of one level."""
POOLINGS = (SIDE_BY_SIDE, *OF_LEVELS, *OF_TOKENS)


def broken_rule(pooling: str, levels: Sequence[str], windows_ms: Sequence[int]) -> tuple[str, str] | None:
    """Find the rule that the levels and windows of a spec break under its pooling.

    >>> broken_rule("weighted", ["block1"], [160])
    ('levels', 'two levels or more for pooling weighted, none of them mel or of tokens')

    Returns:
        The name of a field and what it must be; None if the pooling fits.
    """
    if pooling == SIDE_BY_SIDE:
        return None
    tokens = [level for level in levels if keeps_tokens(level)]
    if pooling in OF_LEVELS and (len(levels) < 2 or tokens or "mel" in levels):
        return "levels", f"two levels or more for pooling {pooling}, none of them mel or of tokens"
    if pooling in OF_TOKENS and not len(levels) == len(tokens) == 1:
        return "levels", f"one level that keeps its tokens, such as block6{TOKENS}, for pooling {pooling}"
    return ("windows_ms", f"at most one window for pooling {pooling}") if len(windows_ms) > 1 else None
