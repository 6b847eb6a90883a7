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

from downstream.probes.features import ProbeData, Selector, to_float32
from downstream.probes.products import Products

Step = list[tuple[Any, Tensor] | None]
"""For each source its prepared features and its targets (labels, items); None once it has no probes left."""


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
        budget: bytes that prepared batches may take; if they take more, they are read and prepared in every epoch.
        training: whether the batches are for training.
    """

    def __init__(
        self,
        sources: Sequence[ProbeData],
        owners: Sequence[int],
        size: int,
        products: Products,
        device: str,
        budget: int,
        *,
        training: bool,
    ) -> None:
        self.sources, self.owners, self.size = list(sources), list(owners), size
        self.products, self.device, self.training = products, device, training
        self.dim = max(source.x.shape[1] for source in sources)
        self.labels = max(source.y.shape[1] for source in sources)
        forms = 1 + (training and torch.device(device).type == "cpu")
        lengths = {len(source.y) for source in sources}
        copies = min(len(lengths), 2)  # of targets: as they are, and padded if sources differ in length
        needed = 4 * len(sources) * (forms * self.dim + copies * self.labels) * max(lengths)
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
            items = max(_length(selector) for number, selector in enumerate(selectors) if number in self.owners)
            parts = enumerate(zip(self.sources, selectors, strict=True))
            yield [
                self._load(source, selector, items) if number in self.owners else None
                for number, (source, selector) in parts
            ]

    def _load(self, source: ProbeData, selector: Selector, items: int) -> tuple[Any, Tensor]:
        x, y = _tensor(source.x[selector], self.device), _tensor(source.y[selector], self.device)
        x, y = _padded(x, items, self.dim), _padded(y, len(y), self.labels)
        return self.products.prepare(x, self.training), y.T.contiguous()

    def _batch(self, step: Step) -> Batch:
        parts, targets, counts = [], [], []
        start = 0
        items = max(loaded[1].shape[1] for loaded in step if loaded)  # sources that have ended since count, too
        for number, loaded in enumerate(step):
            if loaded is None or not (probes := self.owners.count(number)):
                continue
            x, y = loaded
            parts.append((slice(start, start + probes), x))
            missing = items - y.shape[1]
            targets.append(torch.nn.functional.pad(y, (0, missing)) if missing else y)
            counts += [y.shape[1]] * probes
            start += probes
        if set(counts) == {items}:
            return Batch(tuple(parts), tuple(targets), tuple(counts))
        device = targets[0].device
        count = torch.tensor(counts, dtype=torch.float32)[:, None, None]
        mask = (torch.arange(items) < count).to(torch.float32)
        return Batch(tuple(parts), tuple(targets), tuple(counts), _to(count, device), _to(mask, device))


def _padded(values: Tensor, rows: int, columns: int) -> Tensor:
    """Pad a matrix with zeros."""
    missing = columns - values.shape[1], rows - values.shape[0]
    return torch.nn.functional.pad(values, (0, missing[0], 0, missing[1])) if any(missing) else values


def _ahead(steps: Iterator[Any]) -> Iterator[Any]:
    """Yield each step, while a thread makes the next one."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, steps, None)
        while (step := coming.result()) is not None:
            coming = pool.submit(next, steps, None)
            yield step


def _length(selector: Selector) -> int:
    return int(selector.stop - selector.start) if isinstance(selector, slice) else len(selector)


def _tensor(values: np.ndarray, device: str) -> Tensor:
    return _to(torch.from_numpy(to_float32(values)), torch.device(device))


def _to(values: Tensor, device: torch.device) -> Tensor:
    """Copy values to a device, through pinned memory so that nothing waits for it."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)
