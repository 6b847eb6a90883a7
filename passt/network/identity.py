"""Fingerprints of embedders: 16 hex digits that stand for all that decides their numbers."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def hash_of(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and values of all tensors, by sorted name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()


def fingerprint_of_hash(settings: Mapping[str, Any], digest: str) -> str:
    """`fingerprint_of` tensors whose hash is known."""
    text = json.dumps({**settings, "tensors": digest}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_of(settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> str:
    """First 16 hex digits of the SHA-256 over settings and tensors as canonical JSON."""
    return fingerprint_of_hash(settings, hash_of(state))
