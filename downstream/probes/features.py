"""Features for probes, read from memory maps when indexed."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

PIECE_BYTES = 1 << 24  # read at once

Selector = slice | np.ndarray
"""Which items: a slice, or their numbers."""


class Features(Protocol):
    """(items, dim) float32: an array, or an object that reads one when indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, items: Selector, /) -> np.ndarray: ...


@dataclass(frozen=True)
class ProbeData:
    """Features with their targets, in the protocol's item order.

    Attributes:
        x: (items, dim) float32.
        y: (items, labels) float32, one-hot, multi-hot or numbers; training targets may be `Concatenated`.
        shuffle: the seed of the item orders; None keeps the items' order in every epoch, as hear-eval-kit does.
        key: equal for equal data; None for data that equal no other.
    """

    x: Features
    y: "np.ndarray | Concatenated"
    shuffle: int | None = None
    key: Hashable = None

    def batches(self, size: int, epoch: int = 0, *, training: bool) -> Iterator[Selector]:
        """The items of each batch of an epoch.

        Training leaves out a last batch of one item: BatchNorm has no statistics of it, and the kit fails there.
        """
        items = len(self.y)
        order = None if self.shuffle is None else np.random.default_rng((self.shuffle, epoch)).permutation(items)
        for start in range(0, items, size):
            stop = min(start + size, items)
            if not (training and stop - start == 1):
                yield slice(start, stop) if order is None else order[start:stop]


class MappedFeatures:
    """Chosen rows of arrays side by side, read from their memory maps when indexed.

    Args:
        columns: of equal length, each (rows, dim).
        order: (items,) the row of each item.
    """

    def __init__(self, columns: Sequence[Features], order: np.ndarray) -> None:
        self.columns, self.order = columns, order
        self.shape = (len(order), sum(column.shape[1] for column in columns))

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        rows = self.order[items]
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and np.all(np.diff(rows) == 1):
            return self._read(slice(int(rows[0]), int(rows[-1]) + 1))  # reading one piece is many times as fast
        return self._read(rows)

    def _read(self, rows: Selector) -> np.ndarray:
        if len(self.columns) == 1:
            return np.asarray(self.columns[0][rows])
        return np.concatenate([column[rows] for column in self.columns], axis=1)


class SideBySide:
    """Features of the same items side by side, read when indexed."""

    def __init__(self, parts: Sequence[Features]) -> None:
        self.parts = parts
        self.shape = (parts[0].shape[0], sum(part.shape[1] for part in parts))

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        return np.concatenate([part[items] for part in self.parts], axis=1)


class Selected:
    """Some items of features, read when indexed.

    Args:
        items: their numbers, ascending.
    """

    def __init__(self, x: Features, items: np.ndarray) -> None:
        self.x, self.items = x, items
        self.shape = (len(items), x.shape[1])

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        return self.x[self.items[items]]


class Concatenated:
    """Features or targets of several splits, one split after the other, read when indexed."""

    def __init__(self, parts: Sequence[Features]) -> None:
        self.parts = parts
        self.starts = np.concatenate([[0], np.cumsum([part.shape[0] for part in parts])])
        self.shape = (int(self.starts[-1]), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        numbers = np.arange(*items.indices(self.shape[0])) if isinstance(items, slice) else items
        owners = np.searchsorted(self.starts, numbers, side="right") - 1
        values = np.empty((len(numbers), self.shape[1]), np.float32)
        for owner in np.unique(owners):
            places = np.flatnonzero(owners == owner)
            within = numbers[places] - self.starts[owner]
            selector = slice(int(within[0]), int(within[-1]) + 1) if isinstance(items, slice) else within
            values[places] = self.parts[owner][selector]
        return values


class Pooled:
    """Parts of equal width made one vector an item, when indexed.

    Args:
        x: (items, parts * width).
        parts: how many lie side by side.
        pool: (items, parts, width) -> (items, dim).
        dim: the width of what `pool` gives.
    """

    def __init__(self, x: Features, parts: int, pool: Callable[[np.ndarray], np.ndarray], dim: int) -> None:
        self.x, self.parts, self.pool = x, parts, pool
        self.shape = (x.shape[0], dim)

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        numbers = np.arange(*items.indices(self.shape[0])) if isinstance(items, slice) else items
        pooled = np.empty((len(numbers), self.shape[1]), np.float32)
        step = max(1, PIECE_BYTES // (4 * self.x.shape[1]))  # all parts of many items may be more than the memory holds
        for start in range(0, len(numbers), step):
            values = self.x[numbers[start : start + step]]
            pooled[start : start + step] = self.pool(values.reshape(len(values), self.parts, -1))
        return pooled


class Standardized:
    """Features minus their training mean, divided by their standard deviation.

    Constant features become 0.
    """

    def __init__(self, x: Features, mean: np.ndarray, std: np.ndarray) -> None:
        self.x, self.mean, self.scale = x, mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32)
        self.shape = x.shape

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        scaled: np.ndarray = (self.x[items] - self.mean) / self.scale
        return scaled


def statistics(x: Features) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (ddof 0) of each feature, both (dim,) float64, read piece by piece."""
    items, total, squares = x.shape[0], np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for piece in pieces(x):
        total += x[piece].sum(axis=0, dtype=np.float64)
    mean = total / items
    for piece in pieces(x):
        squares += np.square(x[piece] - mean).sum(axis=0)
    return mean, np.sqrt(squares / items)


def pieces(x: Features) -> Iterator[slice]:
    """Slices of about `PIECE_BYTES` that cover all items."""
    items = max(1, PIECE_BYTES // (4 * x.shape[1]))
    for start in range(0, x.shape[0], items):
        yield slice(start, min(start + items, x.shape[0]))


def first_bad_item(x: Features) -> int | None:
    """The number of the first item that holds NaN or infinity; None without one."""
    for piece in pieces(x):
        finite = np.isfinite(x[piece]).all(axis=1)
        if not finite.all():
            return int(piece.start) + int(finite.argmin())
    return None


def to_float32(values: Any) -> np.ndarray:
    """The values as torch takes them: float32, contiguous, writable."""
    return np.require(values, np.float32, ["C", "W"])
