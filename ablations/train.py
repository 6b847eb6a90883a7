"""Training by a recipe on lists of files: what `ablate train` does."""

import functools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from ablations.machine import choose_device
from ablations.training_clips import SEPARATOR, Labelled, Places, vocabulary
from downstream.files import fingerprint, write_json
from downstream.progress import Track, silent
from passt.architecture import SAMPLE_RATE
from passt.card import choices
from passt.training.files import FileList, FileSource, Unreadable
from passt.training.recipe import Recipe
from passt.training.train import Result, train

RECIPES = Path(__file__).with_name("recipes")
DATA_FILE, UNREADABLE_FILE = "data.json", "unreadable.csv"


def load_recipe(name: str, steps: int | None = None) -> Recipe:
    """A packaged recipe by name, or one from a YAML file; `steps` in place of its own.

    Raises:
        FileNotFoundError, ValueError: name the file and the key, the value got and what was expected.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        packaged = {file.stem: file for file in sorted(RECIPES.glob("*.yaml"))}
        if name not in packaged:
            raise FileNotFoundError(f"no recipe {name!r}{choices(name, packaged)} or a YAML file")
        path = packaged[name]
    if not path.is_file():
        raise FileNotFoundError(f"no recipe file at {path}")
    try:
        found = Recipe.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
        return found if steps is None else replace(found, steps=steps)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def train_on_files(
    recipe: Recipe,
    data: Path,
    evaluation: Path,
    out: Path,
    *,
    audio: Sequence[Path] = (),
    labels: Path | None = None,
    separator: str = SEPARATOR,
    device: str | None = None,
    workers: int = 2,
    track: Track = silent,
) -> tuple[Result, int]:
    """Train on the files of one CSV list, evaluate on those of another.

    Args:
        audio: folders and tar files; the folders of the lists where there are none.
        labels: a vocabulary, see `training_clips.vocabulary`.

    Returns:
        The result, and how many files could not be read (`unreadable.csv` in `out` names them).

    Raises:
        FileNotFoundError, ValueError: in one line, what is absent or does not fit.
    """
    lists = [Labelled.load(path, separator) for path in (data, evaluation)]
    known = vocabulary(labels, lists[0])
    places = Places.of(audio or dict.fromkeys(path.parent for path in (data, evaluation)))
    unreadable = Unreadable(out / UNREADABLE_FILE)
    read = functools.partial(places.read, sample_rate=SAMPLE_RATE)
    common = (known, read, SAMPLE_RATE, recipe.clips.samples, unreadable)
    chosen = {"seed": recipe.seed, "balanced": recipe.clips.balanced, "epoch": recipe.clips.epoch}
    source = FileSource(lists[0].files, lists[0].targets(known), *common, **chosen)
    clips = FileList(lists[1].files, lists[1].targets(known), *common)
    _same_data(out / DATA_FILE, {"training": lists[0], "evaluation": lists[1]})
    result = train(recipe, source, clips, out, choose_device(device), track, workers=workers)
    return result, len(unreadable.reasons)


def _same_data(path: Path, lists: dict[str, Labelled]) -> None:
    """Remember what is trained on; ValueError where a training in that folder had other lists."""
    found = {
        name: {"clips": len(one.files), "fingerprint": fingerprint([one.files, one.labels])}
        for name, one in lists.items()
    }
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else found
    for name, one in lists.items():
        if there[name] != found[name]:
            raise ValueError(f"{path.parent}: was trained with another {name} list than {one.path}")
    write_json(path, found)
