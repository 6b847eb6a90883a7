"""Embedders whose windows reach a given time beyond their timestamps, in place of windows centered on them.

The look-ahead goes with the embedder, so that everything that computes and keeps its embeddings agrees about it: the
store gives such embeddings folders of their own (`downstream.store.store.tap_folder`).
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from downstream.embedder import Embedder, Tap

PARAMETER = "lookahead_ms"
"""The parameter of `timestamps` that embedders have which know a look-ahead."""


def reason_against_lookahead(embedder: Embedder, lookahead_ms: int | None) -> str:
    """Say in a few words why an embedder can't have a look-ahead; empty if it can, or is asked for none."""
    if lookahead_ms is None or PARAMETER in inspect.signature(embedder.timestamps).parameters:
        return ""
    return f"it knows no look-ahead, expected {PARAMETER} None, got {lookahead_ms}"


def looking_ahead(embedder: Embedder, lookahead_ms: int | None) -> Embedder:
    """Give an embedder's windows a look-ahead in ms; None leaves it as it is.

    Raises:
        ValueError: its `timestamps` take no look-ahead.
    """
    if reason := reason_against_lookahead(embedder, lookahead_ms):
        raise ValueError(f"{embedder.name}: {reason}")
    return embedder if lookahead_ms is None else LookingAhead(embedder, lookahead_ms)


class LookingAhead:
    """An embedder with the look-ahead that its timestamp embeddings have; all else is the embedder's own.

    Attributes:
        embedder: computes.
        lookahead_ms: how far windows reach beyond their timestamp.
    """

    def __init__(self, embedder: Embedder, lookahead_ms: int) -> None:
        self.embedder, self.lookahead_ms = embedder, lookahead_ms

    def __getattr__(self, name: str) -> Any:
        if name == "embedder":  # absent while it is unpickled
            raise AttributeError(name)
        return getattr(self.embedder, name)

    @property
    def name(self) -> str:
        """Of the embedder, for people."""
        return self.embedder.name

    @property
    def sample_rate(self) -> int:
        """Of its clips, in Hz."""
        return self.embedder.sample_rate

    @property
    def fingerprint(self) -> str:
        """Of the embedder; the look-ahead is no part of it."""
        return self.embedder.fingerprint

    @property
    def dims(self) -> Mapping[str, int]:
        """Level -> width of embeddings."""
        return self.embedder.dims

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Embed clips as scenes, which have no look-ahead."""
        return self.embedder.scene(clips, taps)

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Embed the timestamps of clips, by windows with the look-ahead."""
        timestamps: Any = self.embedder.timestamps
        embedded: list[tuple[dict[Tap, Tensor], Tensor]] = timestamps(
            clips, taps, hop_ms, lookahead_ms=self.lookahead_ms
        )
        return embedded
