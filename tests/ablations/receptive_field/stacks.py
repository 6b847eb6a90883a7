"""Networks whose receptive fields are known."""

from collections.abc import Mapping
from functools import reduce
from types import MappingProxyType

import numpy as np
import torch
from torch import nn

from passt.windowed import WindowedEmbedder
from passt.windows.waveforms import Windows, joined, timestamps

RATE = 1000  # Hz, so that a sample is a millisecond


def b_spline(width: int, layers: int) -> np.ndarray:
    """The weights of boxes of so many samples, one after the other: (layers * (width - 1) + 1,)."""
    return reduce(np.convolve, [np.full(width, 1 / width)] * layers)


class BoxStack:
    """Convolutions with box kernels over whole clips, as an embedder; at a timestamp it gives the sample there.

    Args:
        width: of the boxes, odd.
        layers: of the stack.
        shifts: of the dimensions in samples: each sees the sound so much later.
        causal: whether the field ends at the timestamp.
    """

    name, sample_rate, fingerprint = "boxes", RATE, "0" * 16

    def __init__(self, width: int, layers: int, shifts: tuple[int, ...] = (0,), causal: bool = False) -> None:
        convolutions = [nn.Conv1d(1, 1, width, bias=False) for _ in range(layers)]
        self.net = nn.Sequential(*convolutions).requires_grad_(False)
        for convolution in convolutions:
            convolution.weight.fill_(1 / width)
        self.dims, self.shifts = {"last": len(shifts)}, shifts
        reach = layers * (width - 1)
        self.padding = (reach + 1, -1) if causal else (reach // 2, reach // 2)

    def timestamps(self, clips, taps, hop_ms):
        sound = torch.stack(list(clips))  # which are of one length here
        smooth = self.net(nn.functional.pad(sound, self.padding)[:, None])[:, 0]
        times = timestamps(sound.shape[1], hop_ms, RATE)
        places = (times.long()[:, None] + torch.tensor(self.shifts)).clamp(0, sound.shape[1] - 1)
        return [(dict.fromkeys(taps, rows), times) for rows in smooth[:, places]]


class WindowMean(WindowedEmbedder):
    """The mean of the samples of a window, or of its first half."""

    name, sample_rate, fingerprint = "mean", RATE, "0" * 16
    dims: Mapping[str, int] = MappingProxyType({"mean": 1, "first": 1})
    device, min_samples = torch.device("cpu"), 2

    def levels(self, views, levels):
        read = {"mean": lambda x: x.mean(1, keepdim=True), "first": lambda x: x[:, : x.shape[1] // 2].mean(1)[:, None]}
        found: dict[str, list] = {level: [] for level in levels}
        for view in views:
            assert isinstance(view, Windows)
            windows = joined([view[slice(0, len(view))]])
            for level in levels:
                found[level].append(read[level](windows))
        return found
