"""Random numbers that are a function of their address: nothing has to be drawn before them, on no device.

Parameters are hashes: SplitMix64's output function (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
Generators, OOPSLA 2014) over a key and the name of what is drawn. Noise is the sum of two stretches of two fixed
tables, each at an offset of its own: 2^40 different stretches, the same bits on every device.
"""

import functools
import zlib

import numpy as np
import torch
from torch import Tensor

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
OFFSETS = 1 << 20  # places in a table of noise where a stretch can start
LONGEST = 1 << 19  # samples of a stretch for which tables are made at once; more where more is asked for


def key(*parts: int) -> int:
    """A 64-bit key from whole numbers, each of which changes all of it."""
    state = 0
    for part in parts:
        state = int(_mixed((state + GOLDEN * (part + 1)) & MASK))
    return state


@functools.lru_cache(maxsize=4096)
def name_key(name: str) -> int:
    return key(zlib.crc32(name.encode()))


def uniform(of: int, name: str) -> float:
    """The number in [0, 1) that a key has under a name."""
    return (_mixed(of ^ name_key(name)) >> 11) * 2.0**-53


def uniforms(of: np.ndarray, name: str) -> np.ndarray:
    """`uniform` of each of the keys (n,), uint64: (n,), float64."""
    return (_mixed(of ^ np.uint64(name_key(name))) >> np.uint64(11)) * 2.0**-53


def whole(of: int, name: str, choices: int) -> int:
    """One of 0 ... choices - 1, each as likely."""
    return int(uniform(of, name) * choices)


def _mixed(x):
    """SplitMix64's output function, of an int below 2^64 or of an array of uint64."""
    if isinstance(x, int):
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return x ^ (x >> 31)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def stretches(offsets: Tensor, length: int, table: int) -> Tensor:
    """Independent standard normal numbers of one table: offsets (n,), int64, below OFFSETS -> (n, length)."""
    source = _tables(max(LONGEST, 1 << (length - 1).bit_length()), offsets.device)[table]
    return source.unfold(0, length, 1)[offsets]


@functools.lru_cache(maxsize=4)
def _tables(length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Tables of standard normal numbers, in which stretches of `length` samples can start at OFFSETS places.

    A longer table starts as a shorter one does, so that a stretch does not depend on `length`.
    """
    streams = (np.random.Generator(np.random.Philox(key=[0, number])) for number in (1, 2))
    first, second = (torch.from_numpy(s.standard_normal(OFFSETS + length, dtype=np.float32)) for s in streams)
    return first.to(device), second.to(device)


def noise(offsets: Tensor, length: int) -> Tensor:
    """White noise of variance 1: offsets (n, 2), int64, below OFFSETS -> (n, length), on the offsets' device."""
    first, second = (stretches(offsets[:, table], length, table) for table in (0, 1))
    return first.add_(second).mul_(0.5**0.5)
