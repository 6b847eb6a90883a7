"""What a network looks like: levels, widths and times, from runs of it on shapes alone."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ablations.models.hf.inputs import FRAME_MS, MASK, Inputs
from ablations.models.hf.layout import Layout
from ablations.models.hf.loading import Network
from ablations.models.hf.outputs import Outputs, outputs_of
from ablations.models.hf.repository import Files
from passt.tokens import TOKENS

SHORT_S, LONG_S = 1, 29
"""Lengths in seconds of trials. The number of frames in the long one gives the time between frames."""
LONGEST_S = 30
"""The longest excerpt of a model that takes any length, in seconds."""
LEAST_S = 0.04
"""The shortest window of a model that pads every window, in seconds."""
LONG_FRAME_MS = 25
"""The length of a frame of a spectrogram that is cut into patches, in ms."""


@dataclass(frozen=True)
class Shape:
    """What is known of a network before it has values.

    Attributes:
        layouts: level -> where its vectors lie in time. Of blocks, only ``block0`` and so on; not their variants.
        widths: level -> width of its vectors.
        min_samples, max_samples: lengths of its windows.
        padded_to: samples that every window is padded to; None if windows are taken as they are.
        pooled: the name of what the model calls its output; empty if that is its last hidden state.
        parameters: how many numbers of the network training set.
    """

    layouts: Mapping[str, Layout]
    widths: Mapping[str, int]
    min_samples: int
    max_samples: int
    padded_to: int | None
    pooled: str
    parameters: int

    @functools.cached_property
    def dims(self) -> dict[str, int]:
        """Every level that is one vector, with its width."""
        dims = {}
        for name, width in self.widths.items():
            dims[name] = width
            if name.startswith("block"):
                dims |= {f"{name}.max": width} | ({f"{name}.cls": width} if self.layouts[name].special else {})
        return dims

    @property
    def token_dims(self) -> dict[str, int]:
        """Every level that keeps the tokens of a window, with the width of one token."""
        blocks = [name for name, layout in self.layouts.items() if name.startswith("block") and layout.timed]
        return {f"{name}{TOKENS}": self.widths[name] for name in blocks}


def shape_of(files: Files, config: Any, network: Network, inputs: Inputs) -> Shape:
    """Find what a network looks like.

    Args:
        files: of the encoder.
        config: its configuration.
        network: without values, on the device meta.
        inputs: makes what it takes.

    Raises:
        ValueError: its outputs have no hidden states, or it pads windows to a length that is not known.
    """
    trial = _Trial(files, network, inputs)
    rate = inputs.sample_rate
    padded_to = inputs.padded_to
    short = trial(SHORT_S * rate)
    if padded_to is None and trial.lengths(SHORT_S * rate) == trial.lengths(rate // 2):
        raise ValueError(f"{files.title}: pads every window to one length that is not known")
    least = round(LEAST_S * rate) if padded_to else trial.shortest(SHORT_S * rate)
    values = _levels(short)
    if padded_to:
        layouts = {level: _padded_layout(value, config, padded_to, rate) for level, value in values.items()}
    else:
        first, long = _levels(trial(least)), _levels(trial(LONG_S * rate))
        layouts = {level: _layout(first[level], least, long[level], LONG_S * rate) for level in values}
    widths = {level: value.shape[1 if value.ndim == 4 else -1] for level, value in values.items()}
    parameters = sum(tensor.numel() for tensor in trial.network.whole.parameters())
    return Shape(layouts, widths, least, padded_to or LONGEST_S * rate, padded_to, short.pooled, parameters)


def macs(files: Files, network: Network, inputs: Inputs, samples: int) -> int:
    """Count the multiply-adds of a network's products for one window of so many samples.

    Args:
        network: without values, on the device meta.
    """
    trial = _Trial(files, network, inputs)
    trial(samples)
    counter = FlopCounterMode(display=False)
    with counter:
        trial(samples)
    return counter.get_total_flops() // 2


class _Trial:
    """Runs of a network on shapes alone, or on zeros where it can't run without values."""

    def __init__(self, files: Files, network: Network, inputs: Inputs) -> None:
        self.files, self.network, self.inputs = files, network, inputs
        self.device = "meta"

    def __call__(self, samples: int) -> Outputs:
        values = self.inputs.of_windows(np.zeros((1, samples), np.float32))
        try:
            return self._run(values)
        except Exception as error:
            if self.device == "cpu":
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                raise ValueError(f"{self.files.title}: can't embed a clip of {samples} samples: {reason}") from None
            self.device = "cpu"
            for module in {self.network.whole, self.network.encoder}:
                module.to_empty(device="cpu")
            for tensor in (*self.network.whole.parameters(), *self.network.whole.buffers()):
                tensor.zero_()
            return self(samples)

    def lengths(self, samples: int) -> list[tuple[int, ...]]:
        """The shapes of the inputs that are made of one window."""
        return [tuple(value.shape) for value in self.inputs.of_windows(np.zeros((1, samples), np.float32)).values()]

    def shortest(self, known: int) -> int:
        """The shortest window that gives a frame, in samples, by bisection below a length that does."""
        low, high = 0, known
        while high - low > 1:
            middle = (low + high) // 2
            try:
                values = self.inputs.of_windows(np.zeros((1, middle), np.float32))
                takes = all(value.shape[1] for value in self._run(values).hidden)
            except Exception:  # of as many kinds as there are layers
                takes = False
            low, high = (low, middle) if takes else (middle, high)
        return high

    def _run(self, values: Mapping[str, Tensor]) -> Outputs:
        with torch.no_grad():
            if MASK in values and not values[MASK].any():
                raise ValueError("the whole window is masked")
            there = {name: value.to(self.device) for name, value in values.items() if name != MASK}  # asked for values
            return outputs_of(self.network, there, self.files)


def _levels(outputs: Outputs) -> dict[str, Tensor]:
    blocks = {f"block{number}": value for number, value in enumerate(outputs.hidden)}
    heads = {} if outputs.logits is None else {"logits": outputs.logits}
    return blocks | {"features": outputs.features} | heads


def _padded_layout(value: Tensor, config: Any, padded_to: int, rate: int) -> Layout:
    """Where the vectors of a level lie whose windows are padded to so many samples."""
    if value.ndim != 3:
        return Layout("image" if value.ndim == 4 else "vector")
    frames = value.shape[1]
    if patches := _patches(config, frames):
        bands, special = patches
        hop = config.time_stride * FRAME_MS * rate / 1000
        first = ((config.patch_size - 1) * FRAME_MS + LONG_FRAME_MS) * rate / 2000
        return Layout("patches", hop, first, (frames - special) // bands, special, bands)
    return Layout("frames", padded_to / frames, padded_to / frames / 2, frames)


def _layout(first: Tensor, least: int, long: Tensor, samples: int) -> Layout:
    """Where the vectors of a level lie, from their numbers.

    Args:
        first: the level of the shortest window.
        least: the samples of that window.
        long: the level of a longer window.
        samples: of the longer window.
    """
    if long.ndim != 3:
        return Layout("image" if long.ndim == 4 else "vector")
    frames, more = first.shape[1], long.shape[1] - first.shape[1]
    hop = float((samples - least) // (more + 1) + 1)  # whole, and so long that exactly so many frames are more
    return Layout("frames", hop, (least - (frames - 1) * hop) / 2)


def _patches(config: Any, tokens: int) -> tuple[int, int] | None:
    """(bands, special tokens) of a spectrogram in patches; None if tokens are no such patches."""
    names = ("patch_size", "frequency_stride", "time_stride", "num_mel_bins", "max_length")
    size, frequency_stride, time_stride, mel_bins, length = (getattr(config, name, None) for name in names)
    if not (size and frequency_stride and time_stride and mel_bins and length):
        return None
    bands, columns = (mel_bins - size) // frequency_stride + 1, (length - size) // time_stride + 1
    special = tokens - bands * columns
    return (bands, special) if 0 <= special < bands else None
