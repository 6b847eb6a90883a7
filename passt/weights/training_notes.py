"""The notes that a training writes into its weight file: recipe, labels and score."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors

KEY = "training"  # key of the notes in the file's metadata


@dataclass(frozen=True)
class TrainingNotes:
    """What a weight file says about its training.

    Attributes:
        recipe: the recipe as plain values (`passt.training.declared.recipe.Recipe.to_dict`); empty if unknown.
        labels: names of the network's outputs; empty if unknown.
        mAP: mean average precision on the evaluation clips; None if unknown.
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    mAP: float | None = None

    def to_metadata(self) -> dict[str, str]:
        """Give the metadata of a safetensors file: a single entry.

        safetensors writes several entries in any order, but equal trainings must write equal files.
        """
        return {KEY: json.dumps(asdict(self))}


def notes_of(path: str | Path) -> TrainingNotes:
    """Read the notes of a .safetensors file.

    Files without notes, and all other files, give empty ones.
    """
    if Path(path).suffix != ".safetensors":
        return TrainingNotes()
    with safetensors.safe_open(path, "pt") as file:
        notes = json.loads((file.metadata() or {}).get(KEY, "{}"))
    return TrainingNotes(notes.get("recipe", {}), tuple(notes.get("labels", ())), notes.get("mAP"))


def labels_for(weights: object, outputs: int) -> tuple[str, ...]:
    """Read the labels of a network's outputs, if its weights are a file that names them.

    Args:
        weights: a weight file, or anything else, which names no labels.
        outputs: number of the network's outputs.

    Raises:
        ValueError: the file names more labels than there are outputs, or fewer.
    """
    labels = labels_of(weights) if isinstance(weights, str | Path) else ()
    if labels and outputs and len(labels) != outputs:
        raise ValueError(f"{weights}: names {len(labels)} labels, but its head has {outputs} outputs")
    return labels if outputs else ()


def labels_of(path: str | Path) -> tuple[str, ...]:
    """Read the labels of a weight file's outputs, in order; () if it names none.

    Raises:
        ValueError: a label occurs twice.
    """
    labels = notes_of(path).labels
    if repeated := next((label for label in labels if labels.count(label) > 1), None):
        raise ValueError(f"{path}: its labels must be distinct, got {repeated!r} twice")
    return labels
