"""Fingerprints of embedders: 16 hex digits for everything that decides their numbers."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def hash_of(state: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of tensors: 64 hex digits.

    The hash is over names, shapes, types and values, sorted by name.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def fingerprint_of_hash(settings: Mapping[str, Any], digest: str) -> str:
    """Compute the fingerprint of tensors whose hash (`hash_of`) is `digest`."""
    text = json.dumps({**settings, "tensors": digest}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_of(settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> str:
    """Compute the fingerprint of settings and tensors.

    It has 16 hex digits, from the SHA-256 of their canonical JSON.

    Args:
        settings: what decides the numbers beside the tensors, as plain JSON values.
        state: the tensors by name.
    """
    return fingerprint_of_hash(settings, hash_of(state))
