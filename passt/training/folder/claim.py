"""The claim on a folder: its recipe and labels, which every later run must share."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from passt.fetch.files import write_text
from passt.training.declared.recipe import Recipe

RECIPE_FILE, LABELS_FILE = "recipe.json", "labels.json"


def claim(folder: Path, recipe: Recipe, labels: Sequence[str]) -> None:
    """Claim a folder for a training, by writing its recipe and labels.

    A later run may change how long it trains, and what it logs and evaluates.

    Raises:
        ValueError: the folder belongs to another training. The message names the first difference.
    """
    path = folder / RECIPE_FILE
    if path.is_file():
        earlier = Recipe.from_dict(json.loads(path.read_text(encoding="utf-8")))
        comparable = replace(
            earlier,
            steps=recipe.steps,
            log_every=recipe.log_every,
            evaluate_every=recipe.evaluate_every,
            evaluation_clips=recipe.evaluation_clips,
            after=recipe.after,
        )
        if comparable != recipe:
            old, new = comparable.to_dict(), recipe.to_dict()
            name = next(name for name in new if new[name] != old[name])
            raise ValueError(f"{folder}: is another training's, whose {name} is {old[name]!r}, not {new[name]!r}")
        if json.loads((folder / LABELS_FILE).read_text(encoding="utf-8")) != list(labels):
            raise ValueError(f"{folder}: is another training's, which has other labels")
    for file, value in ((LABELS_FILE, list(labels)), (RECIPE_FILE, recipe.to_dict())):
        write_text(folder / file, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
