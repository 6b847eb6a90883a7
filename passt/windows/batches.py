"""Batches of windows of many clips, as large as the memory allows."""

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from passt.devices import is_out_of_memory

MOST_BYTES = 4e9
"""Memory of a batch on a GPU, at most. So much is 66,000 tokens of a PaSST of 86 M parameters, whose products are 11
TFLOP: milliseconds, beside the microseconds of each of about 150 launches. Whether more is faster still was not
measured on a GPU."""

logger = logging.getLogger(__name__)


class Rows(Protocol):
    """The windows of one clip, or of several clips one after the other.

    They are a tensor (windows, ...), or an object that computes the windows when it is sliced.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Tensor: ...


class Budget:
    """How much goes through a network at once. It is halved when memory runs out.

    Args:
        size: bound at first, in units of cost such as tokens or rows.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    @classmethod
    def of_memory(cls, device: torch.device, on_cpu: int, bytes_per_unit: int, share: float = 0.5) -> "Budget":
        """Choose the budget that fills a share of a GPU's free memory, up to `MOST_BYTES`.

        Args:
            device: where the network computes.
            on_cpu: the budget on a CPU, in units of cost.
            bytes_per_unit: memory that one unit of cost takes.
            share: part of the free memory to use, 0 to 1.
        """
        if device.type != "cuda":
            return cls(on_cpu)
        index = torch.cuda.current_device() if device.index is None else device.index
        free, _ = torch.cuda.mem_get_info(index)
        free += torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)  # torch holds it for reuse
        return cls(max(1, int(min(MOST_BYTES, share * free)) // bytes_per_unit))

    def rows(self, cost: int) -> int:
        """Count the rows that fit, if each has this cost; at least one."""
        return max(1, self.size // cost)

    def halve(self, rows: int, cost: int) -> None:
        """Halve the budget after `rows` rows of this cost did not fit."""
        self.size = max(1, rows * cost // 2)
        logger.warning("out of memory with %d windows at once: going on with %d", rows, self.rows(cost))


def forward_in_batches(
    views: Sequence[Rows],
    forward: Callable[[list[Tensor]], Mapping[str, Tensor]],
    *,
    group_of: Callable[[Rows], Hashable],
    budget: Budget,
    cost_of: Callable[[Rows], int] = lambda _: 1,
) -> dict[str, list[Tensor]]:
    """Send all windows of all clips through `forward`, in batches that stay within a budget.

    Args:
        views: windows; their lengths may differ between views.
        forward: turns windows of one group, a list of (rows, ...), into {level: (all rows, dim)}.
        group_of: tells the group of a view's windows. Only windows of one group share a batch.
        budget: bound on the cost of a batch.
        cost_of: tells the cost of one window of a view.

    Returns:
        For each level one tensor (rows, dim) per view.

    Raises:
        torch.OutOfMemoryError: a single row does not fit in memory.
    """
    results: dict[str, list[Tensor]] = defaultdict(lambda: [torch.empty(0)] * len(views))
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, view in enumerate(views):
        groups[group_of(view)].append(index)
    for members in groups.values():
        group = [views[index] for index in members]
        rows = [len(view) for view in group]
        for level, value in _gathered(_values(group, forward, budget, cost_of(group[0])), sum(rows)).items():
            for index, part in zip(members, value.split(rows), strict=True):
                results[level][index] = part
    return dict(results)


def _gathered(batches: Iterable[Mapping[str, Tensor]], rows: int) -> Mapping[str, Tensor]:
    """Put the values of batches one after the other: {level: (rows, dim)}."""
    whole: dict[str, Tensor] = {}
    done = 0
    for values in batches:
        count = len(next(iter(values.values())))
        if count == rows and all(value.is_cuda for value in values.values()):
            return values  # on CUDA the allocator keeps blocks by their size
        for level, value in values.items():
            # allocated once: keeping small results between buffers that are freed would fragment the memory
            whole.setdefault(level, value.new_empty(rows, *value.shape[1:]))
        places = [whole[level][done : done + count] for level in values]
        if places[0].is_cuda and not any(value.requires_grad for value in values.values()):
            torch._foreach_copy_(places, list(values.values()))  # one launch
        else:
            for place, value in zip(places, values.values(), strict=True):
                place.copy_(value)
        done += count
    return whole


def _values(
    views: Sequence[Rows], forward: Callable[[list[Tensor]], Mapping[str, Tensor]], budget: Budget, cost: int
) -> Iterator[Mapping[str, Tensor]]:
    """Run `forward` over the rows of all views, batch by batch.

    If memory runs out, halve the batch and try again.
    """
    done, total = 0, sum(map(len, views))
    while done < total:
        rows = min(budget.rows(cost), total - done)
        try:
            values = forward([view[part] for view, part in _slices(views, done, done + rows)])
        except RuntimeError as error:
            if rows == 1 or not is_out_of_memory(error):
                raise
        else:
            done += rows
            yield values
            continue
        budget.halve(rows, cost)  # not in the except clause, where the error still refers to the tensors of the batch
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _slices(views: Sequence[Rows], start: int, stop: int) -> Iterator[tuple[Rows, slice]]:
    """Express rows start to stop, counted over all views, as a slice of each view."""
    for view in views:
        if start < len(view) and stop > 0:
            yield view, slice(max(start, 0), min(stop, len(view)))
        start, stop = start - len(view), stop - len(view)
