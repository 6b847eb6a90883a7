"""Centered windows of a waveform, and the times of their centers."""

import torch
from torch import Tensor
from torch.nn import functional as F


def reflect_pad(clip: Tensor, left: int, right: int) -> Tensor:
    """Pad a clip (samples,) by reflection, as numpy does: the reflection repeats as often as needed.

    A single sample is repeated.

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


def centred(clip: Tensor, window: int, hop: int) -> Tensor:
    """Cut windows centered on samples 0, hop, 2 hop, ... of a clip that is reflected at its edges.

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
    """Cut the first `rows` windows of `audio` (samples,), one every `hop` samples: (rows, window), a view."""
    return audio.unfold(0, window, hop)[:rows]


def timestamps(samples: int, hop_ms: int, sample_rate: int) -> Tensor:
    """Compute the window centers of a clip of `samples` samples in ms, from 0: (samples // hop + 1,), float32."""
    steps = samples // (sample_rate * hop_ms // 1000) + 1
    return torch.arange(steps, dtype=torch.float32, device="cpu") * hop_ms
