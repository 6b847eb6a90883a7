"""Randomness of a training: a stream of its own for each purpose and step, so that a resumed one needs no state."""

import hashlib

import torch


def stream(*names: int | str) -> torch.Generator:
    """A generator on the CPU whose numbers are decided by the names: a seed, a purpose, a step ..."""
    return torch.Generator().manual_seed(seed_of(*names))


def seed_of(*names: int | str) -> int:
    """63 bits of the SHA-256 of the names."""
    digest = hashlib.sha256(repr(names).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
