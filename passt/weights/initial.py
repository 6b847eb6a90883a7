"""The tensors of a network before training: names, shapes and initial values."""

import math
import warnings
import zlib

import numpy as np
import torch
from torch import Tensor

from passt.catalog.architecture import Architecture
from passt.network.model import Passt

INITIAL_STD = 0.02  # standard deviation of initial weights, as in timm's vision transformers
PUBLISHED_WIDTH = Architecture().width


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """List the tensors of the architecture's state dict: name -> shape."""
    return {name: tuple(tensor.shape) for name, tensor in network_on_meta(architecture).state_dict().items()}


def network_on_meta(architecture: Architecture) -> Passt:
    """Build the network on the device meta, where tensors have shapes but no values."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a head without classes
        return Passt(architecture)


def untrained(architecture: Architecture, seed: int, *, prefix: str = "") -> dict[str, Tensor]:
    """Draw the weights of a network before training.

    Weights are normal with standard deviation 0.02, truncated at two standard deviations. Biases are 0, norms 1. In
    networks narrower than the published ones the standard deviation of a layer is 1 / sqrt(inputs) (LeCun et al. 1998,
    section 4.6): with 0.02 their outputs would be so small that training hardly starts.

    Args:
        architecture: the shape of the network.
        seed: seed of the random streams. Every tensor has its own stream, from the seed and its name.
        prefix: draw only the tensors whose names start with it.
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
