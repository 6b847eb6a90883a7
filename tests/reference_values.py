"""The input that the reference values of tests/reference were made from."""

import os
import zlib
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).parent / "reference"
SHARED = Path(os.environ.get("ABLATE_REFERENCE_MATERIAL", Path(__file__).parents[2] / "shared"))


def clip(seconds: float, seed: int, sample_rate: int = 32000) -> torch.Tensor:
    """A sweep, a decaying tone every second and noise, in [-1, 1]: (samples,)."""
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    noise = np.random.Generator(np.random.Philox(key=seed)).standard_normal(t.shape)
    x = 0.4 * np.sin(2 * np.pi * (200 * t + 300 * t**2)) + 0.3 * np.exp(-3 * (t % 1)) * np.sin(2 * np.pi * 880 * t)
    return torch.from_numpy(np.clip(x + 0.05 * noise, -1, 1).astype(np.float32))


def filled_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Weights by a rule: each tensor's own normal stream, keyed by its name, x 0.02; norm weights around 1."""
    state = {}
    for name, shape in shapes.items():
        stream = np.random.Generator(np.random.Philox(key=zlib.crc32(name.encode())))
        values = stream.standard_normal(shape, dtype=np.float32) * 0.02
        if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "head.0.weight")):
            values += 1
        state[name] = torch.from_numpy(values)
    return state


def filled_cnn_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """The same for CNNs: variance 2 / fan-in; norms around the identity; what a front end fixes has to be put there."""
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros(shape, dtype=torch.long)
            continue
        values = np.random.Generator(np.random.Philox(key=zlib.crc32(name.encode()))).standard_normal(
            shape, dtype=np.float32
        )
        if name.endswith("running_var"):
            values = 1 + 0.02 * np.abs(values)
        elif len(shape) > 1:
            values = values * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        else:
            values = 0.02 * values + (1 if name.endswith("weight") else 0)
        state[name] = torch.from_numpy(values.astype(np.float32))
    return state


def divided(values, parts, dim):
    """Divide an axis into parts of one size and average each: every value is repeated, so that none lies in two."""
    size = values.shape[dim]
    return values.repeat_interleave(parts, dim).unflatten(dim, (parts, size)).mean(dim + 1)
