"""Centred windows over a clip, and the batches in which the windows of many clips go through a network."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def reflect_pad(clip: Tensor, left: int, right: int) -> Tensor:
    """numpy's `reflect` padding of a 1-d clip: repeated as often as needed; a single sample is repeated."""
    if max(left, right) < len(clip):
        return F.pad(clip[None], (left, right), mode="reflect")[0]
    period = max(2 * (len(clip) - 1), 1)
    position = torch.arange(-left, len(clip) + right, device=clip.device) % period
    return clip[torch.minimum(position, period - position)]


def centred(clip: Tensor, window: int, hop: int) -> Tensor:
    """The windows centred on samples 0, hop, 2 hop, ... of a clip that is reflected at its edges.

    Shape:
        (samples,) -> (samples // hop + 1, window), a view: windows are not copied.
    """
    padded = reflect_pad(clip, window // 2, window - window // 2)
    return padded.unfold(0, window, hop)[: len(clip) // hop + 1]


def timestamps(samples: int, hop_ms: int, sample_rate: int) -> Tensor:
    """The window centres in ms, from 0: (samples // hop + 1,), float32."""
    steps = samples // (sample_rate * hop_ms // 1000) + 1
    return torch.arange(steps, dtype=torch.float32) * hop_ms


def scene_windows(clip: Tensor, window: int | None, hop: int) -> Tensor:
    """What a scene embedding is the mean over: the clip itself where it fits, else its centred windows.

    Shape:
        (samples,) -> (1, samples) for clips up to `window` samples (None: any), else (samples // hop + 1, window).
    """
    return clip[None] if window is None or len(clip) <= window else centred(clip, window, hop)


def forward_in_batches(
    views: Sequence[Tensor],
    dims: Mapping[str, int],
    forward: Callable[[list[Tensor]], Mapping[str, Tensor]],
    *,
    rows_of: Callable[[Hashable], int],
    group_of: Callable[[int], Hashable] = lambda samples: samples,
    device: torch.device,
) -> dict[str, list[Tensor]]:
    """All windows of all clips through `forward`, in batches bounded in rows.

    Args:
        views: per clip its windows, (rows, samples); lengths may differ between clips.
        dims: the levels that `forward` returns, with their widths.
        forward: windows of one group, each (rows, samples), to {level: (all rows, dim)}.
        rows_of: how many rows of a group go through at once.
        group_of: window length in samples -> group; only windows of one group share a batch.

    Returns:
        Per level one (rows, dim) tensor a view, on `device`.
    """
    found = {level: [torch.empty(len(view), dim, device=device) for view in views] for level, dim in dims.items()}
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, view in enumerate(views):
        groups[group_of(view.shape[-1])].append(index)
    for group, members in groups.items():
        for batch in _batches(views, members, rows_of(group)):
            values = forward([views[index][rows].to(device, non_blocking=True) for index, rows in batch])
            for level, value in values.items():
                parts = value.split([rows.stop - rows.start for _, rows in batch])
                for (index, rows), part in zip(batch, parts, strict=True):
                    found[level][index][rows] = part
    return found


def _batches(views: Sequence[Tensor], members: Sequence[int], size: int) -> Iterator[list[tuple[int, slice]]]:
    """Cut the rows of views[i], i in `members`, into batches of `size` rows: lists of (i, slice of its rows)."""
    batch: list[tuple[int, slice]] = []
    room = size
    for member in members:
        start = 0
        while start < len(views[member]):
            stop = min(start + room, len(views[member]))
            batch.append((member, slice(start, stop)))
            room -= stop - start
            start = stop
            if room == 0:
                yield batch
                batch, room = [], size
    if batch:
        yield batch
