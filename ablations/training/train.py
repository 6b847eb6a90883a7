"""Training by a recipe, on lists of files or on the made-up corpus: what `ablate train` does."""

import functools
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablations.inputs import yaml_file
from ablations.inputs.lists import SEPARATOR
from ablations.system.machine import choose_device
from ablations.training.card import CARD_FILE, write_card
from ablations.training.clips import Labelled, Places, vocabulary
from ablations.training.sources import corpus_clips
from ablations.training.students import student_of
from downstream.disk.files import fingerprint, write_json
from downstream.progress import Track, silent
from passt.catalog.architecture import SAMPLE_RATE
from passt.fetch.download import sha256_of
from passt.training.data.files import FileList, FileSource, Unreadable
from passt.training.data.source import Source
from passt.training.declared.recipe import Recipe
from passt.training.start import from_file
from passt.training.train import Result, train

RECIPES = Path(__file__).with_name("recipes")
DATA_FILE, UNREADABLE_FILE = "data.json", "unreadable.csv"


def load_recipe(name: str | Path, steps: int | None = None) -> Recipe:
    """A packaged recipe by name, or one from a YAML file; `steps` in place of its own.

    Raises:
        FileNotFoundError, ValueError: name the file and the key, the value got and what was expected.
    """
    found = yaml_file.load(name, "recipe", [RECIPES], lambda keys, _: Recipe.from_dict(keys))
    return found if steps is None else replace(found, steps=steps)


def load_stages(name: str | Path, steps: int | None = None) -> list[Recipe]:
    """A recipe, with `steps` in place of its own, behind those that it comes after.

    What it comes after is a packaged recipe by name, or a YAML file, from the folder of its own.

    Raises:
        FileNotFoundError, ValueError: as `load_recipe`; a recipe that comes after itself.
    """
    stages, seen = [load_recipe(name, steps)], [Path(name)]
    while stages[0].after:
        after = Path(stages[0].after)
        if after.suffix in yaml_file.SUFFIXES:
            after = Path(os.path.normpath(seen[0].parent / after))
        if after in seen:
            raise ValueError(f"recipe {stages[0].name}: comes after itself, by way of {stages[0].after!r}")
        stages.insert(0, load_recipe(after))
        seen.insert(0, after)
    return stages


def train_on_files(
    recipe: Recipe,
    data: Path,
    evaluation: Path,
    out: Path,
    *,
    audio: Sequence[Path] = (),
    labels: Path | None = None,
    separator: str = SEPARATOR,
    start: Path | None = None,
    device: str | None = None,
    workers: int = 2,
    track: Track = silent,
) -> tuple[Result, int]:
    """Train on the files of one CSV list, evaluate on those of another.

    Args:
        audio: folders and tar files; the folders of the lists where there are none.
        labels: a vocabulary, see `training_clips.vocabulary`.
        start: the weights that a recipe which starts with a file's starts with.

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
    found = {"training": fingerprint([lists[0].files, lists[0].labels])}
    found["evaluation"] = fingerprint([lists[1].files, lists[1].labels])
    result = _trained(recipe, source, clips, found, out, start, choose_device(device), workers, track)
    return result, len(unreadable.reasons)


def train_on_corpus(
    recipe: Recipe,
    out: Path,
    *,
    start: Path | None = None,
    device: str | None = None,
    workers: int = 2,
    track: Track = silent,
) -> Result:
    """Train on the made-up corpus, evaluate on clips of it that are not trained on.

    Raises:
        FileNotFoundError, ValueError: in one line, what is absent or does not fit.
    """
    device = choose_device(device)
    source, evaluation = corpus_clips(recipe, device, track)
    found = {"training": source.fingerprint, "evaluation": evaluation.fingerprint}
    return _trained(recipe, source, evaluation, found, out, start, device, workers, track)


def _trained(
    recipe: Recipe,
    source: Source,
    evaluation: Source,
    data: dict[str, str],
    out: Path,
    start: Path | None,
    device: str,
    workers: int,
    track: Track,
) -> Result:
    """Train the recipe's network, and write the card of what came out."""
    student = student_of(recipe, len(source.labels))
    if start is not None:
        student.net.load_state_dict(from_file(start, student.net.state_dict(), source.labels, student.heads))
        data = {**data, "start": sha256_of(start)}
    _same_data(out / DATA_FILE, data)
    result = train(recipe, source, evaluation, out, device, track, student=student, workers=workers)
    if os.environ.get("RANK", "0") == "0":
        write_card(out / CARD_FILE, recipe, result, data, student, device, len(source.labels))
    return result


def _same_data(path: Path, data: dict[str, str]) -> None:
    """Remember what is trained on; ValueError where a training in that folder had other clips or another start."""
    there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else data
    for name in data:
        if there.get(name) != data[name]:
            what = "another start" if name == "start" else f"other {name} clips"
            raise ValueError(f"{path.parent}: was trained with {what}, of fingerprint {there.get(name)}")
    write_json(path, data)
