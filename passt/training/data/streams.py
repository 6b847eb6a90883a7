"""Random streams of a training, one for each purpose and step.

So a resumed training needs no random state.
"""

import hashlib

import torch


def stream(*names: int | str) -> torch.Generator:
    """Make a generator on the CPU whose numbers follow from its names.

    Names are, for example, a seed, a purpose and a step.
    """
    return torch.Generator().manual_seed(seed_of(*names))


def seed_of(*names: int | str) -> int:
    """Derive a seed from names: 63 bits of their SHA-256."""
    digest = hashlib.sha256(repr(names).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
