"""The folder of a training: whose it is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from passt.fetch.files import write_text
from passt.training.declared.recipe import Recipe

RECIPE_FILE, LABELS_FILE = "recipe.json", "labels.json"
FREE = ("steps", "log_every", "evaluate_every", "evaluation_clips", "after")  # that may change from one run to the next


def claim(folder: Path, recipe: Recipe, labels: Sequence[str]) -> None:
    """Make the folder this training's, with its recipe and labels.

    Raises:
        ValueError: it is another training's; names what differs.
    """
    path = folder / RECIPE_FILE
    if path.is_file():
        there = Recipe.from_dict(json.loads(path.read_text(encoding="utf-8")))
        same = replace(there, **{name: getattr(recipe, name) for name in FREE})
        if same != recipe:
            old, new = same.to_dict(), recipe.to_dict()
            (name, *_) = (name for name in new if new[name] != old[name])
            raise ValueError(f"{folder}: is another training's, whose {name} is {old[name]!r}, not {new[name]!r}")
        if json.loads((folder / LABELS_FILE).read_text(encoding="utf-8")) != list(labels):
            raise ValueError(f"{folder}: is another training's, which has other labels")
    for name, value in ((LABELS_FILE, list(labels)), (RECIPE_FILE, recipe.to_dict())):
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        write_text(folder / name, text)
