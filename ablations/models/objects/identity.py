"""The identity of Python objects: hashes of their code and of their weights, which are equal in every process."""

import contextlib
from dataclasses import dataclass
from typing import Any

from torch import nn

from ablations.models.objects.walk import Walk
from passt.network.identity import hash_of


@dataclass(frozen=True)
class Identity:
    """What tells objects apart.

    Attributes:
        code: 12 hex digits of everything but the weights.
        weights: 12 hex digits of the parameters and buffers of all networks in it; empty where there is none.
        unknown: names and types of the parts that nothing tells apart from others of their type.
    """

    code: str
    weights: str
    unknown: tuple[str, ...]


def identity_of(value: Any, name: str = "object") -> Identity:
    """Take an object apart, and hash its parts.

    Args:
        value: any object.
        name: of the object, in `Identity.unknown`.

    >>> first = identity_of({"hop": 160})
    >>> first == identity_of({"hop": 160}), first == identity_of({"hop": 320})
    (True, False)
    """
    walk = Walk()
    try:
        code = walk.digest(value, name)
    except RecursionError:
        code, walk.unknown = "", {f"{name} (nested too deeply)": None}
    weights = hash_of(walk.tensors)[:12] if walk.tensors else ""
    return Identity(code[:12], weights, tuple(walk.unknown))


def networks_of(value: Any) -> list[nn.Module]:
    """List every network that an object reaches, the outermost first."""
    walk = Walk(hashes=False)
    with contextlib.suppress(RecursionError):
        walk.digest(value, "")
    return walk.networks
