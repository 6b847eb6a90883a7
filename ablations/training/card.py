"""The card of trained weights: recipe, clips, device, duration and score."""

from collections.abc import Mapping
from pathlib import Path

from ablations.system.machine import machine, versions
from downstream.disk.files import write_json
from passt.fetch.download import sha256_of
from passt.training.declared.recipe import Recipe
from passt.training.student import Student
from passt.training.train import Result

CARD_FILE = "card.json"


def write_card(
    path: Path, recipe: Recipe, result: Result, data: Mapping[str, str], student: Student, device: str, labels: int
) -> None:
    """Write the card, a JSON file.

    The card has the number of labels and of the network's parameters, the clips and hours of all runs together, the
    mean average precision on the evaluation clips, and SHA-256 and size of the weight file.

    Args:
        path: where the card is written.
        recipe: the recipe of the training.
        result: what the training returned.
        data: fingerprints of the training and evaluation clips, and the SHA-256 of the weight file that the training
            started from, if there is one.
        student: the trained network.
        device: torch device of the training.
        labels: number of labels.
    """
    write_json(
        path,
        {
            "recipe": recipe.to_dict(),
            "data": dict(data),
            "labels": labels,
            "parameters": sum(parameter.numel() for parameter in student.net.parameters()),
            "steps": result.steps,
            "clips": result.steps * recipe.batch,
            "hours": round(result.seconds / 3600, 2),
            "device": machine(device),
            "versions": versions(),
            "mAP": result.mAP,
            "sha256": sha256_of(result.weights),
            "bytes": result.weights.stat().st_size,
        },
    )
