"""The tensors of a network: their names and shapes, and their values before training."""

import math
import warnings
import zlib

import numpy as np
import torch
from torch import Tensor

from passt.catalog.architecture import Architecture
from passt.network.model import Passt

INITIAL_STD = 0.02  # of truncated normal weights, as timm's vision transformers start
PUBLISHED_WIDTH = Architecture().width


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the architecture's state dict."""
    return {name: tuple(tensor.shape) for name, tensor in network_on_meta(architecture).state_dict().items()}


def network_on_meta(architecture: Architecture) -> Passt:
    """The network without any values: names and shapes alone."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a head of no classes
        return Passt(architecture)


def untrained(architecture: Architecture, seed: int, *, prefix: str = "") -> dict[str, Tensor]:
    """Weights as before training: normal with standard deviation 0.02, cut at two of them; biases 0, norms 1.

    Layers of networks narrower than the published ones have 1 / sqrt(inputs) (LeCun et al. 1998, section 4.6): with
    0.02 their outputs would be so small that training stands still for long.

    Every tensor has a random stream of its own, from the seed and its name; with `prefix`, only the tensors whose names
    start with it.
    """
    state = {}
    for name, shape in shapes(architecture).items():
        if not name.startswith(prefix):
            continue
        if len(shape) == 1:
            is_norm = name.endswith("weight")
            state[name] = torch.full(shape, float(is_norm), dtype=torch.float32)
        else:
            stream = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(name.encode())]))
            state[name] = torch.from_numpy(_truncated_normal(stream, shape)) * _std(name, shape, architecture.width)
    return state


def _std(name: str, shape: tuple[int, ...], width: int) -> float:
    is_layer = name.endswith("weight") and not name.startswith("head")
    return 1 / math.sqrt(math.prod(shape[1:])) if is_layer and width < PUBLISHED_WIDTH else INITIAL_STD


def _truncated_normal(stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = stream.standard_normal(shape, dtype=np.float32)
    while (outside := np.abs(values) > 2).any():
        values[outside] = stream.standard_normal(int(outside.sum()), dtype=np.float32)
    return values
