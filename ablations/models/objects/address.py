"""The address of a Python object in a spec: ``python:spectrum?code=1a2b3c4d5e6f``, ``python:spectrum?version=2``.

The name is for people. What follows it tells the object from others of its name: the hash of its code, the version that
the user gave it, or, where neither is known, the process that had it.
"""

import re

from passt.catalog.card import Card
from passt.catalog.spec_text import OWN_HOP

PREFIX = "python:"
LEVELS = ("embedding",)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
ADDRESS = re.compile(rf"{PREFIX}({NAME.pattern})\?(code=[0-9a-f]{{12}}|version=[A-Za-z0-9_.-]+|process=[0-9a-f]{{12}})")


def short_name(checkpoint: str) -> tuple[str, str]:
    """The name of an object, and what tells it from others of that name.

    >>> short_name("python:spectrum?version=2")
    ('spectrum', 'version=2')
    """
    match = ADDRESS.fullmatch(checkpoint)
    return (match[1], match[2]) if match else (checkpoint, "")


def card(text: str) -> Card:
    """Make the card of a Python object, which need not be in this process: its rows outlive it.

    Raises:
        ValueError: a text that is no address; the object itself stands in its place when something is computed.
    """
    if not ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} names no Python object; hand the object itself to ablations.run or evaluate")
    return Card(
        text,
        "python",
        sample_rate=0,  # which the object has
        levels=LEVELS,
        default_levels=LEVELS,
        default_timestamp_hop_ms=OWN_HOP,
        default_weights="none",
        weights=("none", "untrained", "sha256", "published", "demo"),
    )
