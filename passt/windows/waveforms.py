"""Centered windows of a waveform, and the times of their centers."""

import torch
from torch import Tensor
from torch.nn import functional as F


def reflect_pad(clip: Tensor, left: int, right: int) -> Tensor:
    """Pad a clip by reflection, as numpy does: the reflection repeats as often as needed.

    A single sample is repeated.

    >>> reflect_pad(torch.tensor([1.0, 2.0, 3.0]), 3, 1).tolist()
    [2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]

    Args:
        clip: (samples,).
        left: samples to add at the beginning.
        right: samples to add at the end.
    """
    if max(left, right) < len(clip):
        return F.pad(clip[None], (left, right), mode="reflect")[0]
    period = max(2 * (len(clip) - 1), 1)
    position = torch.arange(-left, len(clip) + right, device=clip.device) % period
    return clip[torch.minimum(position, period - position)]


def centered(clip: Tensor, window: int, hop: int) -> Tensor:
    """Cut windows centered on samples 0, hop, 2 hop, ... of a clip.

    The clip is reflected at its edges.

    Args:
        clip: (samples,).
        window: length of a window in samples.
        hop: distance of window centers in samples.

    Returns:
        (samples // hop + 1, window), a view: the windows are not copied.
    """
    padded = reflect_pad(clip, window // 2, window - window // 2)
    return unfolded(padded, window, hop, len(clip) // hop + 1)


def unfolded(audio: Tensor, window: int, hop: int, rows: int) -> Tensor:
    """Cut the first windows of `audio` (samples,), one every `hop` samples.

    The result, (rows, window), is a view.
    """
    return audio.unfold(0, window, hop)[:rows]


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
