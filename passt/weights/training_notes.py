"""What a training wrote into its weight file about itself: its recipe and its labels."""

import json
from pathlib import Path
from typing import Any

import safetensors

KEY = "training"  # of the file's metadata


def notes_of(path: str | Path) -> dict[str, Any]:
    """Recipe, labels and mAP of a training's .safetensors file; nothing of any other file."""
    if Path(path).suffix != ".safetensors":
        return {}
    with safetensors.safe_open(path, "pt") as file:
        return json.loads((file.metadata() or {}).get(KEY, "{}"))


def labels_for(weights: Any, outputs: int) -> tuple[str, ...]:
    """The labels of a network's outputs where its weights are a file that names them.

    Raises:
        ValueError: it names more labels than there are outputs, or fewer.
    """
    labels = labels_of(weights) if isinstance(weights, str | Path) else ()
    if labels and outputs and len(labels) != outputs:
        raise ValueError(f"{weights}: names {len(labels)} labels, but its head has {outputs} outputs")
    return labels if outputs else ()


def labels_of(path: str | Path) -> tuple[str, ...]:
    """The labels that the file's outputs stand for, in their order; none where it does not say.

    Raises:
        ValueError: a label is there twice.
    """
    labels = tuple(notes_of(path).get("labels", ()))
    if repeated := next((label for label in labels if labels.count(label) > 1), None):
        raise ValueError(f"{path}: its labels must be distinct, got {repeated!r} twice")
    return labels
