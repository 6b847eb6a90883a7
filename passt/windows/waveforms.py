"""Centered windows of a waveform, and the times of their centers."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def reflect_pad(clips: Tensor, left: int, right: int) -> Tensor:
    """Pad clips by reflection, as numpy does: the reflection repeats as often as needed.

    A single sample is repeated.

    >>> reflect_pad(torch.tensor([[1.0, 2.0, 3.0]]), 3, 1).tolist()
    [[2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]

    Args:
        clips: (clips, samples).
        left: samples to add at the beginning.
        right: samples to add at the end.
    """
    samples = clips.shape[-1]
    if max(left, right) < samples:
        return F.pad(clips, (left, right), mode="reflect")
    period = max(2 * (samples - 1), 1)
    position = torch.arange(-left, samples + right, device=clips.device) % period
    return clips[:, torch.minimum(position, period - position)]


class Windows:
    """Windows of clips of equal length, clip after clip, which are cut when they are indexed.

    Args:
        audio: (clips, samples), padded so that the first window is at its beginning.
        window: length of a window in samples.
        hop: distance of windows in samples.
        rows: number of windows of each clip.

    Attributes:
        cut: (clips, rows, window), a view.
        samples: length of a window.

    Shape:
        windows[first:stop] -> (stop - first, window), a view where they are of one clip.
    """

    def __init__(self, audio: Tensor, window: int, hop: int, rows: int) -> None:
        self.cut, self.samples = audio.unfold(-1, window, hop)[:, :rows], window

    def __len__(self) -> int:
        return self.cut.shape[0] * self.cut.shape[1]

    def __getitem__(self, rows: slice) -> Tensor:
        return joined([self.cut[block].flatten(0, 1) for block in self.blocks(rows)])

    def blocks(self, rows: slice) -> list[tuple[slice, slice]]:
        """Cover windows by at most three blocks of clips, and of the same windows of each of them."""
        each = self.cut.shape[1]
        (first, begin), (last, end) = divmod(rows.start, each), divmod(rows.stop, each)
        if first == last:
            return [(slice(first, first + 1), slice(begin, end))]
        blocks = [(slice(first, first + 1), slice(begin, each))] if begin else []
        if (whole := first + bool(begin)) < last:
            blocks.append((slice(whole, last), slice(0, each)))
        return [*blocks, (slice(last, last + 1), slice(0, end))] if end else blocks


def centered(clips: Tensor, window: int, hop: int) -> Windows:
    """Cut windows centered on samples 0, hop, 2 hop, ... of clips (clips, samples).

    The clips are reflected at their edges.

    Args:
        clips: (clips, samples).
        window: length of a window in samples.
        hop: distance of window centers in samples.

    Returns:
        samples // hop + 1 windows of each clip.
    """
    padded = reflect_pad(clips, window // 2, window - window // 2)
    return Windows(padded, window, hop, clips.shape[-1] // hop + 1)


def whole(clips: Tensor) -> Windows:
    """Take each of the clips (clips, samples) as its only window."""
    return Windows(clips, clips.shape[-1], clips.shape[-1], 1)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate tensors along the first axis. A single tensor is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def timestamps(samples: int, hop_ms: int, sample_rate: int) -> Tensor:
    """Compute the window centers of a clip in ms, from 0.

    >>> timestamps(samples=4000, hop_ms=50, sample_rate=32000).tolist()
    [0.0, 50.0, 100.0]

    Args:
        samples: length of the clip in samples.
        hop_ms: time between timestamps in ms.
        sample_rate: rate of the audio in Hz.

    Returns:
        (samples // hop + 1,), float32, on the CPU.
    """
    steps = samples // (sample_rate * hop_ms // 1000) + 1
    return torch.arange(steps, dtype=torch.float32, device="cpu") * hop_ms
