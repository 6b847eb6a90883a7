"""Copies between main memory and a GPU: one pinned buffer and one copy for many tensors."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from passt.tokens import averaged
from passt.windows.waveforms import joined

ALIGNED = 64  # bytes: every tensor begins at a multiple, so that views of all types and fast copies are possible

Key = TypeVar("Key")


class Stacks(NamedTuple):
    """Clips on a device, those of equal length in one tensor.

    Attributes:
        tensors: each (clips, samples).
        order: the number of the clip that each row was, over all tensors.
    """

    tensors: list[Tensor]
    order: list[int]

    def scenes(self, rows: Sequence[Tensor], columns: int | None = None) -> Tensor:
        """Average the windows of each clip, or put their tokens side by side.

        Args:
            rows: for each of `tensors` (clips * windows, dim); of tokens (clips * windows, rows, columns, width).
            columns: of the tokens of a clip; None if the rows are no tokens.

        Returns:
            (clips, dim), in the order of `order`.
        """
        pairs = zip(rows, self.tensors, strict=True)
        if columns is not None:
            return joined([_side_by_side(part, len(clips), columns) for part, clips in pairs])
        return joined(
            [part if len(part) == len(clips) else part.unflatten(0, (len(clips), -1)).mean(1) for part, clips in pairs]
        )

    def sorted(self, rows: Tensor) -> Tensor:
        """Put rows (clips, ...) in main memory in the order of the clips."""
        return rows if self.order == sorted(self.order) else rows[torch.tensor(self.order, device="cpu").argsort()]

    def per_clip(self, values: Mapping[Key, Tensor], steps: Sequence[int]) -> list[dict[Key, Tensor]]:
        """Cut values into those of each clip, in the order of the clips.

        Args:
            values: (steps of all clips, dim), clip after clip in the order of `order`.
            steps: number of steps of each clip.
        """
        clips: list[dict[Key, Tensor]] = [{} for _ in steps]
        for key, rows in values.items():
            for index, part in zip(self.order, rows.split([steps[index] for index in self.order]), strict=True):
                clips[index][key] = part
        return clips


def _side_by_side(tokens: Tensor, clips: int, columns: int) -> Tensor:
    """Put the tokens of all windows of a clip side by side in time, and average them to so many columns.

    Shape:
        (clips * windows, rows, columns, width) -> (clips, rows * columns * width).
    """
    grid = tokens.unflatten(0, (clips, -1)).transpose(1, 2).flatten(2, 3)
    return averaged(grid, grid.shape[1], columns).flatten(1)


def stacked(clips: Sequence[Tensor], device: torch.device) -> Stacks:
    """Move clips to a device, and put those of equal length into one tensor.

    From main memory to CUDA there is one copy through pinned memory, which nothing waits for. On a CPU every clip stays
    by itself, where it is: its spectrogram fits the processor's cache.

    Args:
        clips: each (samples,), float32.
        device: where to move them.
    """
    if device.type != "cuda":
        return Stacks([clip.to(device)[None] for clip in clips], list(range(len(clips))))
    groups: dict[tuple[bool, int], list[int]] = defaultdict(list)
    for index, clip in enumerate(clips):
        groups[clip.is_cuda, len(clip)].append(index)
    here = [[clips[index] for index in members] for (is_cuda, _), members in groups.items() if not is_cuda]
    coming = iter(sent(here, device))
    tensors = [
        torch.stack([clips[index].to(device) for index in members]) if is_cuda else next(coming)
        for (is_cuda, _), members in groups.items()
    ]
    return Stacks(tensors, [index for members in groups.values() for index in members])


def sent(stacks: Sequence[Sequence[Tensor]], device: torch.device) -> list[Tensor]:
    """Copy tensors from main memory to CUDA through one pinned buffer, without waiting.

    Args:
        stacks: lists of tensors; those of one list are of one shape and type.
        device: the GPU.

    Returns:
        For each list one tensor (tensors, ...).
    """
    if not stacks:
        return []
    shapes = [((len(stack), *stack[0].shape), stack[0].dtype) for stack in stacks]
    here = torch.empty(_bytes(shapes), dtype=torch.uint8, pin_memory=True)
    for place, stack in zip(_views(here, shapes), stacks, strict=True):
        torch.stack(list(stack), out=place)
    return list(_views(here.to(device, non_blocking=True), shapes))


def moved(tensors: Sequence[Tensor | None], device: torch.device) -> list[Any]:
    """Move tensors to a device; those in main memory go to CUDA in one copy. None stays None."""
    if device.type != "cuda":
        return [None if tensor is None else tensor.to(device) for tensor in tensors]
    here = {i: tensor for i, tensor in enumerate(tensors) if tensor is not None and not tensor.is_cuda}
    there = dict(zip(here, sent([[tensor] for tensor in here.values()], device), strict=True))
    return [there[i][0] if i in there else tensor for i, tensor in enumerate(tensors)]


def to_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Move tensors to the CPU; from CUDA through one pinned buffer, with one wait for all of them."""
    if not any(tensor.is_cuda for tensor in tensors):
        return list(tensors)
    if any(tensor.requires_grad for tensor in tensors):
        return [tensor.cpu() for tensor in tensors]  # autograd follows no copies into views of one buffer
    shapes = [(tuple(tensor.shape), tensor.dtype) for tensor in tensors]
    buffer = torch.empty(_bytes(shapes), dtype=torch.uint8, pin_memory=True)
    copies = list(_views(buffer, shapes))
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return copies


Shapes = Sequence[tuple[tuple[int, ...], torch.dtype]]


def _places(shapes: Shapes) -> Iterator[tuple[int, int]]:
    """Where each tensor begins in a buffer, and where it ends, in bytes."""
    sizes = [torch.Size(shape).numel() * dtype.itemsize for shape, dtype in shapes]
    begins = accumulate((-(-size // ALIGNED) * ALIGNED for size in sizes), initial=0)
    return ((begin, begin + size) for begin, size in zip(begins, sizes, strict=False))


def _bytes(shapes: Shapes) -> int:
    return max(stop for _, stop in _places(shapes))


def _views(buffer: Tensor, shapes: Shapes) -> Iterator[Tensor]:
    """Cut a buffer of bytes into tensors."""
    for (begin, stop), (shape, dtype) in zip(_places(shapes), shapes, strict=True):
        yield buffer[begin:stop].view(dtype).view(shape)
