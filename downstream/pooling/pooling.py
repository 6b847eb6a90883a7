"""Pooling: its name, and how many parts it has to do with."""

from dataclasses import dataclass

OF_LEVELS = ("weighted", "weighted_normalized")
"""Poolings of levels: a softmax weight each, learned with the probe."""
OF_TOKENS = ("mean", "meanmax", "attention", "attention_labels", "prototypes")
"""Poolings of the tokens of one level."""
FIXED = ("mean", "meanmax")
"""Poolings that learn nothing, and so suit every probe."""


@dataclass(frozen=True)
class Pooling:
    """How the parts of an item become the vector that a probe takes.

    Attributes:
        name: of `OF_LEVELS` or `OF_TOKENS`.
        parts: how many levels or tokens lie side by side in the features, all of one width.

    Raises:
        ValueError: the name is unknown, or there is no part.
    """

    name: str
    parts: int

    def __post_init__(self) -> None:
        if self.name not in (*OF_LEVELS, *OF_TOKENS):
            raise ValueError(f"unknown pooling {self.name!r}, expected {', '.join((*OF_LEVELS, *OF_TOKENS))}")
        if self.parts < 1:
            raise ValueError(f"pooling {self.name}: expected 1 part at least, got {self.parts}")

    @property
    def learns(self) -> bool:
        """Whether it is trained with the probe."""
        return self.name not in FIXED
