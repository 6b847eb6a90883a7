"""The batches of the probes of a pack: features prepared on the device, resident where they fit, else read ahead."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from downstream.probes.features import ProbeData, Selector, to_float32
from downstream.probes.products import Products

Step = list[tuple[Any, Tensor] | None]
"""Of each source its prepared features and its targets, (labels, items); None of one that has no probes any more."""


@dataclass(frozen=True)
class Batch:
    """One step of all probes of a pack.

    Attributes:
        parts: which probes have which features.
        targets: of each part, shared by its probes: (labels, items).
        items: how many each probe has.
        counts: the same as (probes, 1, 1), and `mask`, which items these are, (probes, 1, items): both None where
            nothing is filled up. Features and targets are, with zeros, to the longest batch of all sources.
    """

    parts: tuple[tuple[slice, Any], ...]
    targets: tuple[Tensor, ...]
    items: tuple[int, ...]
    counts: Tensor | None = None
    mask: Tensor | None = None


class Feed:
    """The batches of several sources in step, each of which has some of a pack's probes.

    Args:
        sources: of as many batches each. owners: per probe the number of its source, ascending. size: of a batch.
        room: bytes that prepared batches may take to be kept; else they are read and prepared again in every epoch.
    """

    def __init__(
        self,
        sources: Sequence[ProbeData],
        owners: Sequence[int],
        size: int,
        products: Products,
        device: str,
        room: int,
        *,
        training: bool,
    ) -> None:
        self.sources, self.owners, self.size = list(sources), list(owners), size
        self.products, self.device, self.training = products, device, training
        forms = 1 + (training and torch.device(device).type == "cpu")
        lengths = {len(source.y) for source in sources}
        copies = min(len(lengths), 2)  # of targets: as they are, and filled up where sources differ in length
        needed = sum(4 * (forms * source.x.shape[1] + copies * source.y.shape[1]) for source in sources) * max(lengths)
        self.resident = needed <= room and all(source.shuffle is None for source in sources)
        self.kept_bytes = needed if self.resident else 0
        self._kept: list[Step] = []
        self._batches: list[Batch] = []

    def select(self, probes: Sequence[int]) -> None:
        """Only these probes go on."""
        self.owners = [self.owners[probe] for probe in probes]
        self._batches = []

    def epoch(self, number: int) -> Iterator[Batch]:
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
        for rows in zip(*orders, strict=True):
            items = max(_length(index) for number, index in enumerate(rows) if number in self.owners)
            wanted = enumerate(zip(self.sources, rows, strict=True))
            yield [self._load(*each, items) if number in self.owners else None for number, each in wanted]

    def _load(self, source: ProbeData, rows: Selector, items: int) -> tuple[Any, Tensor]:
        x, y = _tensor(source.x[rows], self.device), _tensor(source.y[rows], self.device)
        if len(x) < items:
            x = torch.cat([x, x.new_zeros(items - len(x), x.shape[1])])
        return self.products.prepare(x, self.training), y.T.contiguous()

    def _batch(self, step: Step) -> Batch:
        parts, targets, counts = [], [], []
        start = 0
        items = max(loaded[1].shape[1] for loaded in step if loaded)  # of sources that have ended since, too
        for number in sorted(set(self.owners)):
            (x, y), probes = step[number], self.owners.count(number)
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


def _ahead(steps: Iterator[Any]) -> Iterator[Any]:
    """Each step, while a thread already makes the next."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, steps, None)
        while (step := coming.result()) is not None:
            coming = pool.submit(next, steps, None)
            yield step


def _length(rows: Selector) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _tensor(rows: Any, device: str) -> Tensor:
    return _to(torch.from_numpy(to_float32(rows)), torch.device(device))


def _to(values: Tensor, device: torch.device) -> Tensor:
    """There, by way of pinned memory, so that nothing waits for it."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)
