"""Centred windows over a clip, and the times of their centers."""

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
    return unfolded(padded, window, hop, len(clip) // hop + 1)


def unfolded(audio: Tensor, window: int, hop: int, rows: int) -> Tensor:
    """The first `rows` windows of `audio`, one every `hop` samples: (rows, window), a view."""
    return audio.unfold(0, window, hop)[:rows]


def timestamps(samples: int, hop_ms: int, sample_rate: int) -> Tensor:
    """The window centres in ms, from 0: (samples // hop + 1,), float32."""
    steps = samples // (sample_rate * hop_ms // 1000) + 1
    return torch.arange(steps, dtype=torch.float32, device="cpu") * hop_ms
