"""The batches in which the windows of many clips go through a network, as large as the memory allows."""

import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


class Rows(Protocol):
    """The windows of one clip: a tensor, or what makes them when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Tensor: ...


class Budget:
    """How much goes through a network at once, in tokens or rows; halved where the memory did not suffice.

    Args:
        size: what at most, and what at first.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    @classmethod
    def of_memory(cls, device: torch.device, most: int, bytes_each: int, share: float = 0.5) -> "Budget":
        """As many as fill a share of the device's free memory, at most `most`; on a CPU `most`."""
        if device.type != "cuda":
            return cls(most)
        index = torch.cuda.current_device() if device.index is None else device.index
        free, _ = torch.cuda.mem_get_info(index)
        free += torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)  # what torch keeps for later
        return cls(max(1, min(most, int(share * free) // bytes_each)))

    def rows(self, cost: int) -> int:
        """How many rows that cost so much each."""
        return max(1, self.size // cost)

    def halve(self, rows: int, cost: int) -> None:
        """After `rows` rows were too many."""
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
    """All windows of all clips through `forward`, in batches that stay within a budget.

    Args:
        views: per clip its windows; lengths may differ between clips.
        forward: windows of one group, a list of (rows, ...), to {level: (all rows, dim)}.
        group_of: only windows of one group share a batch. cost_of: what one row of such a view costs.

    Returns:
        Per level one (rows, dim) tensor a view.

    Raises:
        torch.OutOfMemoryError: for a single row that is too large.
    """
    found: dict[str, list[Tensor]] = defaultdict(lambda: [torch.empty(0)] * len(views))
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, view in enumerate(views):
        groups[group_of(view)].append(index)
    for members in groups.values():
        of_group = [views[index] for index in members]
        rows = [len(view) for view in of_group]
        whole: dict[str, Tensor] = {}
        done = 0
        for values in _values(of_group, forward, budget, cost_of(of_group[0])):
            for level, value in values.items():
                # made once and filled: results kept one by one between what is freed again would break up the memory
                place = whole.setdefault(level, value.new_empty(sum(rows), *value.shape[1:]))
                place[done : done + len(value)] = value
            done += len(value)
        for level, value in whole.items():
            for index, own in zip(members, value.split(rows), strict=True):
                found[level][index] = own
    return dict(found)


def _values(
    views: Sequence[Rows], forward: Callable[[list[Tensor]], Mapping[str, Tensor]], budget: Budget, cost: int
) -> Iterator[Mapping[str, Tensor]]:
    """What `forward` gives for the rows of all views, batch by batch; a batch that is too large comes again, halved."""
    done, total = 0, sum(map(len, views))
    while done < total:
        rows = min(budget.rows(cost), total - done)
        try:
            values = forward([view[some] for view, some in _slices(views, done, done + rows)])
        except RuntimeError as error:
            if rows == 1 or not _is_out_of_memory(error):
                raise
        else:
            done += rows
            yield values
            continue
        budget.halve(rows, cost)  # here and not above, where the error still holds on to the tensors of the batch
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _slices(views: Sequence[Rows], start: int, stop: int) -> Iterator[tuple[Rows, slice]]:
    """Rows start to stop, counted over all views, as slices of each."""
    for view in views:
        if start < len(view) and stop > 0:
            yield view, slice(max(start, 0), min(stop, len(view)))
        start, stop = start - len(view), stop - len(view)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """The parts one after the other; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def to_device(clips: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The clips there; to CUDA by way of pinned memory, so that the copies overlap with what runs."""
    if device.type != "cuda":
        return [clip.to(device) for clip in clips]
    return [(clip if clip.is_cuda else clip.pin_memory()).to(device, non_blocking=True) for clip in clips]


def to_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors on the CPU; from CUDA with one synchronization for all."""
    if not any(tensor.is_cuda for tensor in tensors):
        return list(tensors)
    found = [torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t, non_blocking=True) for t in tensors]
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return found
