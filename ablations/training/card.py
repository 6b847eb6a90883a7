"""The card of trained weights: what they were trained on, for how long, on what, and how well they label."""

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
    """A JSON file.

    Keys: `recipe`; `data`, fingerprints of the training and the evaluation clips, and the SHA-256 of the weights at
    the start where a file has them; how many `labels`; `parameters` of the network; `steps`, `clips` heard, `hours` of
    all runs together; `device`, `versions`; `mAP` on the evaluation clips; `sha256` and `bytes` of the weight file.
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
