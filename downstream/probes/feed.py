"""The batches of a pack of probes.

Features are prepared on the device, and kept there if they fit; else they are read ahead.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.pooling.learned import Program
from downstream.probes.features import Concatenated, Features, ProbeData, Selector
from downstream.probes.products import Products

ALIGNED = 64  # numbers: where a tensor of a larger buffer may begin


@dataclass(frozen=True)
class Loaded:
    """A batch of one source on the device, padded with zeros to the longest batch of all sources.

    Attributes:
        x: the prepared features.
        y: the targets, (labels, items); sources with equal targets share them.
        items: without padding.
    """

    x: Any
    y: Tensor
    items: int


Step = list[Loaded | None]
"""A batch of each source; None once it has no probes left."""


@dataclass(frozen=True)
class Batch:
    """One step of all probes of a pack.

    Features and targets are padded with zeros to the longest batch, the most features and the most labels of all
    sources.

    Attributes:
        parts: which probes share which prepared features.
        targets: (labels, items) for each part.
        items: of each probe, without padding.
        counts: `items` as (probes, 1, 1); None without padding.
        mask: (probes, 1, items), 1 for items, 0 for padding; None without padding.
    """

    parts: tuple[tuple[slice, Any], ...]
    targets: tuple[Tensor, ...]
    items: tuple[int, ...]
    counts: Tensor | None = None
    mask: Tensor | None = None


class Feed:
    """The batches of several sources in step.

    Args:
        sources: the data; all have the same number of batches.
        owners: for each probe the number of its source, ascending.
        size: of a batch.
        products: prepares features; a learned pooling prepares those that it takes.
        budget: bytes that prepared batches may take; if they take more, they are read and prepared in every epoch.
        training: whether the batches are for training.
    """

    def __init__(
        self,
        sources: Sequence[ProbeData],
        owners: Sequence[int],
        size: int,
        products: Products | Program,
        device: str,
        budget: int,
        *,
        training: bool,
    ) -> None:
        self.sources, self.owners, self.size = list(sources), list(owners), size
        self.products, self.device, self.training = products, device, training
        self.dim = max(source.x.shape[1] for source in sources)
        self.labels = max(source.y.shape[1] for source in sources)
        forms = 1 + (training and torch.device(device).type == "cpu" and not isinstance(products, Program))
        self._twins = [_twin(sources, number) for number in range(len(sources))]
        width, labels = forms * len(sources) * self.dim, len(set(self._twins)) * self.labels
        needed = 4 * (width + labels) * max(len(source.y) for source in sources)
        self.resident = needed <= budget and all(source.shuffle is None for source in sources)
        self.kept_bytes = needed if self.resident else 0
        self._kept: list[Step] = []
        self._batches: list[Batch] = []

    def select(self, probes: Sequence[int]) -> None:
        """Keep only these probes."""
        self.owners = [self.owners[probe] for probe in probes]
        self._batches = []

    def epoch(self, number: int) -> Generator[Batch, None, None]:
        """The batches of an epoch."""
        if self._batches:
            yield from self._batches
            return
        if not self.resident:
            yield from map(self._batch, _ahead(self._steps(number)))
            return
        self._kept = self._kept or list(self._steps(number))
        self._batches = list(map(self._batch, self._kept))
        yield from self._batches

    def _steps(self, number: int) -> Iterator[Step]:
        orders = [source.batches(self.size, number, training=self.training) for source in self.sources]
        for selectors in zip(*orders, strict=True):
            yield self._load(selectors)

    def _load(self, selectors: Sequence[Selector]) -> Step:
        """Read one batch of every source that has probes; features and targets are one copy to the device each.

        All are padded with zeros to the same sizes.
        """
        sources, live = self.sources, [number for number in range(len(self.sources)) if number in self.owners]
        items = max(_length(selectors[number]) for number in live)
        kinds = list(dict.fromkeys(self._twins[number] for number in live))
        x = self._copied([sources[i].x[selectors[i]] for i in live], [(items, self.dim)] * len(live))
        y = self._copied([sources[i].y[selectors[i]].T for i in kinds], [(self.labels, items)] * len(kinds))
        step: Step = [None] * len(sources)
        for number, features in zip(live, x, strict=True):
            targets = y[kinds.index(self._twins[number])]
            prepared = self.products.prepare(features, self.training)
            step[number] = Loaded(prepared, targets, _length(selectors[number]))
        return step

    def _copied(self, values: Sequence[np.ndarray], shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Copy arrays to the device, each padded with zeros to a shape.

        They share one buffer, which on CUDA is pinned so that nothing waits for it.
        """
        sizes = [-(-rows * columns // ALIGNED) * ALIGNED for rows, columns in shapes]
        on_cuda = torch.device(self.device).type == "cuda"
        here = torch.empty(sum(sizes), dtype=torch.float32, pin_memory=on_cuda)
        for piece, value, shape in zip(_views(here, sizes, shapes), values, shapes, strict=True):
            padded, (rows, columns) = piece.numpy(), value.shape
            padded[:rows, :columns] = value
            if value.shape != shape:
                padded[rows:], padded[:, columns:] = 0, 0
        return _views(here.to(self.device, non_blocking=on_cuda), sizes, shapes)

    def _batch(self, step: Step) -> Batch:
        parts, targets = [], []
        counts: list[int] = []
        for number, loaded in enumerate(step):
            probes = self.owners.count(number)
            if loaded is None or not probes:
                continue
            parts.append((slice(len(counts), len(counts) + probes), loaded.x))
            targets.append(loaded.y)
            counts += [loaded.items] * probes
        items = targets[0].shape[1]
        if set(counts) == {items}:
            return Batch(tuple(parts), tuple(targets), tuple(counts))
        device = targets[0].device
        count = torch.tensor(counts, dtype=torch.float32)[:, None, None]
        mask = (torch.arange(items) < count).to(torch.float32)
        return Batch(tuple(parts), tuple(targets), tuple(counts), _to(count, device), _to(mask, device))


def _ahead(steps: Iterator[Any]) -> Iterator[Any]:
    """Yield each step, while a thread makes the next one."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, steps, None)
        while (step := coming.result()) is not None:
            coming = pool.submit(next, steps, None)
            yield step


def _length(selector: Selector) -> int:
    return int(selector.stop - selector.start) if isinstance(selector, slice) else len(selector)


def _views(buffer: Tensor, sizes: Sequence[int], shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    pieces = zip(torch.split(buffer, list(sizes)), shapes, strict=True)
    return [piece[: rows * columns].view(rows, columns) for piece, (rows, columns) in pieces]


def _twin(sources: Sequence[ProbeData], number: int) -> int:
    """The first source whose targets come in the same batches as those of this one; itself if there is none before."""
    source = sources[number]
    twins = (i for i in range(number) if sources[i].shuffle == source.shuffle and _equal(sources[i].y, source.y))
    return next(twins, number)


def _equal(first: Features, second: Features) -> bool:
    """Whether targets are the same; of concatenated ones, in the same parts."""
    if first is second or first.shape != second.shape:
        return first is second
    if isinstance(first, Concatenated) and isinstance(second, Concatenated):
        return len(first.parts) == len(second.parts) and all(map(_equal, first.parts, second.parts))
    return isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and np.array_equal(first, second)


def _to(values: Tensor, device: torch.device) -> Tensor:
    """Copy values to a device, through pinned memory so that nothing waits for it."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)
