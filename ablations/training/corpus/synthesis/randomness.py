"""Random numbers that follow from a key and a name.

None depends on what was drawn before.

Parameters are hashes of a key and a name by SplitMix64's output function (Steele, Lea, Flood: Fast Splittable
Pseudorandom Number Generators, OOPSLA 2014). Noise is the sum of one stretch from each of two fixed tables, at random
offsets: 2^40 different stretches, with the same bits on every device.
"""

import functools
import zlib

import numpy as np
import torch
from torch import Tensor

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
OFFSETS = 1 << 20  # places in a table of noise where a stretch can start
LONGEST = 1 << 19  # samples of the longest stretch that the first tables allow; longer ones make larger tables


def key(*parts: int) -> int:
    """Make a 64-bit key from whole numbers. Each number changes all bits."""
    state = 0
    for part in parts:
        state = _mixed((state + GOLDEN * (part + 1)) & MASK)
    return state


@functools.lru_cache(maxsize=4096)
def name_key(name: str) -> int:
    """Make a key from a name."""
    return key(zlib.crc32(name.encode()))


def uniform(owner: int, name: str) -> float:
    """Draw the number in [0, 1) of a key under a name."""
    return (_mixed(owner ^ name_key(name)) >> 11) * 2.0**-53


def uniforms(owners: np.ndarray, name: str) -> np.ndarray:
    """Draw the numbers of keys (n,), uint64, under a name: (n,), float64; see `uniform`."""
    return (_mixed_array(owners ^ np.uint64(name_key(name))) >> np.uint64(11)) * 2.0**-53


def whole(owner: int, name: str, choices: int) -> int:
    """Draw a whole number from 0 to choices - 1, all equally likely."""
    return int(uniform(owner, name) * choices)


def _mixed(x: int) -> int:
    """Compute SplitMix64's output function of an int below 2^64."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def _mixed_array(x: np.ndarray) -> np.ndarray:
    """Compute SplitMix64's output function of an array of uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def stretches(offsets: Tensor, length: int, table: int) -> Tensor:
    """Cut stretches of standard normal numbers out of a table.

    Args:
        offsets: (n,), int64, below OFFSETS.
        length: samples of a stretch.
        table: number of the table, 0 or 1.

    Returns:
        (n, length), on the offsets' device.
    """
    source = _tables(max(LONGEST, 1 << (length - 1).bit_length()), offsets.device)[table]
    return source.unfold(0, length, 1)[offsets]


@functools.lru_cache(maxsize=4)
def _tables(length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Make the tables of standard normal numbers.

    Stretches of `length` samples can start at OFFSETS places in them.

    A longer table begins with the shorter one, so that a stretch does not depend on `length`.
    """
    streams = (np.random.Generator(np.random.Philox(key=[0, number])) for number in (1, 2))
    first, second = (torch.from_numpy(s.standard_normal(OFFSETS + length, dtype=np.float32)) for s in streams)
    return first.to(device), second.to(device)


def noise(offsets: Tensor, length: int) -> Tensor:
    """Make white noise of variance 1: (n, length), on the offsets' device.

    Offsets are (n, 2), int64, below OFFSETS.
    """
    first, second = (stretches(offsets[:, table], length, table) for table in (0, 1))
    return first.add_(second).mul_(0.5**0.5)
