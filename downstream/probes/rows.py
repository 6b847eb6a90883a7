"""Embedding rows for probes: arrays side by side and one after the other, read from memory maps when asked for."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

PIECE_BYTES = 1 << 24  # of what is read at once

Index = slice | np.ndarray
"""Which rows: a slice or their numbers."""


class Features(Protocol):
    """(items, dim) float32: an array, or what reads one when indexed."""

    shape: tuple[int, int]

    def __getitem__(self, rows: Index) -> np.ndarray: ...


@dataclass(frozen=True)
class ProbeData:
    """Embedding rows with their targets, in the protocol's item order.

    Attributes:
        x: (items, dim) float32.
        y: (items, labels) float32, one-hot or multi-hot; those to train on may be `Stacked`.
        shuffle: None for batches in the items' order in every epoch (hear-eval-kit), else the seed of the orders.
        key: equal for data that are the same; None for data that are the same as no other's.
    """

    x: Features
    y: "np.ndarray | Stacked"
    shuffle: int | None = None
    key: Hashable = None

    def batches(self, size: int, epoch: int = 0, *, training: bool) -> Iterator[Index]:
        """The rows of each batch of an epoch.

        A last batch of one item is left out of training: BatchNorm has no statistics of it (the kit ends in an error).
        """
        items = len(self.y)
        order = None if self.shuffle is None else np.random.default_rng((self.shuffle, epoch)).permutation(items)
        for start in range(0, items, size):
            stop = min(start + size, items)
            if not (training and stop - start == 1):
                yield slice(start, stop) if order is None else order[start:stop]


class Rows:
    """Chosen rows of arrays side by side, read from their memory maps when indexed."""

    def __init__(self, columns: Sequence[np.ndarray], order: np.ndarray) -> None:
        self.columns, self.order = columns, order
        self.shape = (len(order), sum(column.shape[1] for column in columns))

    def __getitem__(self, rows: Index) -> np.ndarray:
        chosen = self.order[rows]
        if len(chosen) and chosen[-1] - chosen[0] == len(chosen) - 1 and (np.diff(chosen) == 1).all():
            chosen = slice(int(chosen[0]), int(chosen[-1]) + 1)  # one piece is read many times as fast
        if len(self.columns) == 1:
            return np.asarray(self.columns[0][chosen])
        return np.concatenate([column[chosen] for column in self.columns], axis=1)


class Stacked:
    """Parts one after the other, features or targets, read when indexed."""

    def __init__(self, parts: Sequence[Features]) -> None:
        self.parts = parts
        self.starts = np.concatenate([[0], np.cumsum([part.shape[0] for part in parts])])
        self.shape = (int(self.starts[-1]), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Index) -> np.ndarray:
        numbers = np.arange(*rows.indices(self.shape[0])) if isinstance(rows, slice) else rows
        owners = np.searchsorted(self.starts, numbers, side="right") - 1
        found = np.empty((len(numbers), self.shape[1]), np.float32)
        for owner in np.unique(owners):
            here = np.flatnonzero(owners == owner)
            own = numbers[here] - self.starts[owner]
            if isinstance(rows, slice):
                own = slice(int(own[0]), int(own[-1]) + 1)
            found[here] = self.parts[owner][own]
        return found


class Standardized:
    """Features less their mean over the training items, divided by their standard deviation; constant ones become 0."""

    def __init__(self, x: Features, mean: np.ndarray, std: np.ndarray) -> None:
        self.x, self.mean, self.scale = x, mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32)
        self.shape = x.shape

    def __getitem__(self, rows: Index) -> np.ndarray:
        return (self.x[rows] - self.mean) / self.scale


def statistics(x: Features) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (ddof 0) of each feature, (dim,) float64 both, read piece by piece."""
    items, total, squares = x.shape[0], np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for rows in pieces(x):
        total += x[rows].sum(axis=0, dtype=np.float64)
    mean = total / items
    for rows in pieces(x):
        squares += np.square(x[rows] - mean).sum(axis=0)
    return mean, np.sqrt(squares / items)


def pieces(x: Features) -> Iterator[slice]:
    """Slices of about `PIECE_BYTES` that cover all rows."""
    rows = max(1, PIECE_BYTES // (4 * x.shape[1]))
    for start in range(0, x.shape[0], rows):
        yield slice(start, min(start + rows, x.shape[0]))


def first_bad_row(x: Features) -> int | None:
    """The first row that holds a NaN or an infinity."""
    for rows in pieces(x):
        good = np.isfinite(x[rows]).all(axis=1)
        if not good.all():
            return rows.start + int(good.argmin())
    return None


def to_float32(rows: Any) -> np.ndarray:
    """Rows as torch takes them: float32, contiguous, writable."""
    return np.require(rows, np.float32, ["C", "W"])
