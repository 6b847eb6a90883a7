"""CnnNet: a convolutional network whose levels come from one pass, and the form of it that computes inference."""

import copy
import itertools
from abc import abstractmethod
from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from passt.network.precision import Precision
from passt.tokens import TOKENS, capped
from passt.windows.batches import Budget

FRAMES_IN_CACHE = 1024  # on a CPU; on CUDA there is no such cache, and the memory bounds them
EARLY_BYTES = 340_000  # a frame of CNN14's early blocks in use at their peak, counted on a CPU


class CnnNet(nn.Module):
    """A convolutional network behind a spectrogram; parameter names are those of the published weights.

    Attributes:
        bands: of the spectrogram.
        names: its levels, from the input to the output.
        maps: those that are means of a layer's maps over time and frequency. Behind each is a level of tokens, the maps
            themselves (`passt.tokens`).
        step_by_step: whether fp32 is computed as the original does, norm by norm, because its numbers leave no room for
            another rounding.
        dtype: that convolutions take.
        frames_in_cache: how many frames' maps of the early blocks may be in memory at once; None for all.
    """

    bands: int
    names: tuple[str, ...]
    maps: tuple[str, ...]
    step_by_step: bool = False
    dtype: torch.dtype = torch.float32
    frames_in_cache: int | None = None

    @abstractmethod
    def forward(self, mel: Tensor, levels: Collection[str]) -> dict[str, Tensor]:
        """(rows, bands, frames) -> {level: (rows, dim)}; no deeper than the deepest level asked for.

        Tokens are (rows, frequency, time, channels).
        """

    @classmethod
    def token_names(cls) -> tuple[str, ...]:
        """The levels that keep tokens."""
        return tuple(f"{name}{TOKENS}" for name in cls.maps)


def of_maps(name: str, maps: Tensor, levels: Collection[str], *, frequency: int = 2) -> Iterator[tuple[str, Tensor]]:
    """Yield those levels of a layer that are asked for: the mean of its maps, and their tokens.

    Args:
        name: of the level that is the mean.
        maps: (rows, channels, ...), of which the other axes are frequency and time.
        levels: all that are asked for.
        frequency: its axis.
    """
    if name in levels:
        yield name, maps.float().mean((2, 3))
    if (tokens := f"{name}{TOKENS}") in levels:
        yield tokens, capped(grid_of(maps, frequency))


def grid_of(maps: Tensor, frequency: int = 2) -> Tensor:
    """Turn maps into a grid of tokens, (rows, frequency, time, channels), float32; see `of_maps`."""
    return maps.float().movedim(frequency, 1).transpose(2, 3)


def ready(net: CnnNet, precision: Precision) -> CnnNet:
    """Make the form of a network that computes inference in a precision, on the network's device.

    Norms are folded into the convolutions before them, and images are channels-last, so that on a CPU nothing is
    reordered between convolutions. (Weights packed for oneDNN are faster only for the shape they were packed for.)
    """
    as_loaded = net.step_by_step and precision.name == "fp32"
    twin = copy.copy(net) if as_loaded else _folded(net)
    twin.dtype = precision.dtype
    device = next(net.parameters()).device
    twin.frames_in_cache = Budget.of_memory(device, FRAMES_IN_CACHE, EARLY_BYTES).size
    for conv in [module for module in twin.modules() if isinstance(module, nn.Conv2d) and not as_loaded]:
        conv.to(precision.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return twin


def _folded(net: CnnNet) -> CnnNet:
    """A copy whose convolutions also do what the norms after them did; folded in float64."""
    twin = copy.deepcopy(net)
    for parent in list(twin.modules()):
        for (name, conv), (norm_name, norm) in itertools.pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(conv.double(), norm.double()).float())
                setattr(parent, norm_name, nn.Identity())
    return twin
