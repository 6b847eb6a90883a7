"""Pooling: its name, how many parts it pools, and which protocols can train it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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


class ProbeProtocol(Protocol):
    """What `reason_against` needs of a `downstream.probes.protocol.Protocol`."""

    @property
    def base(self) -> str: ...
    @property
    def is_solved(self) -> bool: ...


def reason_against(pooling: Pooling | None, protocol: ProbeProtocol) -> str | None:
    """Say in one line why the probes of a protocol can't have a pooling; None if they can.

    A pooling that learns is trained with its probe, so it needs a protocol whose probes are trained.
    """
    if pooling is None or not pooling.learns or not protocol.is_solved:
        return None
    if pooling.name in OF_LEVELS:
        return f"{protocol.base} can't learn the weights of levels ({pooling.name}), expected hear2021"
    return f"{protocol.base} can't learn a pooling of tokens ({pooling.name}), expected {', '.join(FIXED)}, or hear2021"


def check_pooling(pooling: Pooling | None, protocol: ProbeProtocol, dims: Mapping[str, int]) -> None:
    """Raise ValueError for a pooling that a protocol can't train, or whose parts the features can't be.

    Args:
        dims: split -> the width of its features.
    """
    if pooling is None:
        return
    reason = reason_against(pooling, protocol)
    if reason:
        raise ValueError(reason)
    for split, dim in dims.items():
        if dim % pooling.parts:
            expected = f"a multiple of {pooling.parts} features, one width for each part"
            raise ValueError(f"pooling {pooling.name}: {split}: expected {expected}, got {dim}")
