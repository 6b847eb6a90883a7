"""Demonstration weights: small networks trained on synthesized sounds.

Their files are part of the packages.

`ablate train` wrote each of them, with its card (JSON): recipe, clips, device, mean average precision, SHA-256.
"""

from pathlib import Path
from typing import TypedDict


class CardWeights(TypedDict, total=False):
    """The fields of a card that say which weights a checkpoint can have."""

    weights: tuple[str, ...]
    default_weights: str


WEIGHTS: CardWeights = {"weights": ("demo", "untrained", "sha256"), "default_weights": "demo"}
"""What the card of a demonstration checkpoint says about weights."""
FOLDER = Path(__file__).with_name("demo_weights")


def installed(path: Path) -> Path:
    """Return the file of a demonstration checkpoint, after checking that it was installed.

    Raises:
        FileNotFoundError: the package was installed without it.
    """
    if not path.is_file():
        name = path.stem
        raise FileNotFoundError(
            f"{name}: no demonstration weights at {path}; `ablate train {name} --out FOLDER` makes them"
        )
    return path
