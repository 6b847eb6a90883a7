"""Demonstration weights: small networks trained on made-up sounds, whose files are part of the packages.

They are what `ablate train` wrote, each beside its card (JSON): recipe, clips, device, mean average precision, sha256.
"""

from pathlib import Path
from typing import Any

WEIGHTS: dict[str, Any] = {"weights": ("demo", "untrained", "sha256"), "default_weights": "demo"}
"""What a demonstration checkpoint's card says of weights."""
FOLDER = Path(__file__).with_name("demo_weights")


def there(path: Path) -> Path:
    """A demonstration checkpoint's file.

    Raises:
        FileNotFoundError: the package was installed without it.
    """
    if not path.is_file():
        name = path.stem
        raise FileNotFoundError(
            f"{name}: no demonstration weights at {path}; `ablate train {name} --out FOLDER` makes them"
        )
    return path
