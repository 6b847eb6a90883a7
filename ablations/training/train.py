"""Train by a recipe, on lists of files or on the synthesized corpus."""

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
from ablations.training.clips import LabeledFiles, Places, vocabulary
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
    """Load a recipe.

    Args:
        name: name of a packaged recipe, or path of a YAML file.
        steps: replaces the recipe's steps.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: the recipe is not valid. The message names the file, the key, the value and what is expected.
    """
    recipe = yaml_file.load(name, "recipe", [RECIPES], lambda keys, _: Recipe.from_dict(keys))
    return recipe if steps is None else replace(recipe, steps=steps)


def load_stages(name: str | Path, steps: int | None = None) -> list[Recipe]:
    """Load a recipe and those that must be trained before it, in the order of training.

    A recipe's key `after` is the name of a packaged recipe, or the path of a YAML file relative to the recipe's folder.

    Args:
        name: name of a packaged recipe, or path of a YAML file.
        steps: replaces the steps of the last recipe.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: a recipe is not valid, or comes after itself.
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
    """Train on the files of one list, and evaluate on the files of another.

    Args:
        recipe: the recipe.
        data: CSV file of training files; see `ablations.training.clips.LabeledFiles.load`.
        evaluation: CSV file of evaluation files.
        out: folder of the training.
        audio: folders and tar files with the audio. If there are none, the folders of the lists.
        labels: CSV file of the labels; see `ablations.training.clips.vocabulary`.
        separator: text between the labels of a file.
        start: weight file to start from, for a recipe that starts from a file.
        device: a torch device. None is CUDA if it is available and the CPU otherwise.
        workers: threads that read files.
        track: shows the progress.

    Returns:
        The result, and the number of files that could not be read. `unreadable.csv` in `out` lists them.

    Raises:
        FileNotFoundError: a file is absent.
        ValueError: lists, recipe and weights do not fit together.
    """
    training_list, evaluation_list = (LabeledFiles.load(path, separator) for path in (data, evaluation))
    names = vocabulary(labels, training_list)
    places = Places.of(audio or dict.fromkeys(path.parent for path in (data, evaluation)))
    unreadable = Unreadable(out / UNREADABLE_FILE)
    read = functools.partial(places.read, sample_rate=SAMPLE_RATE)
    common = (names, read, SAMPLE_RATE, recipe.clips.samples, unreadable)
    source = FileSource(
        training_list.files,
        training_list.targets(names),
        *common,
        seed=recipe.seed,
        balanced=recipe.clips.balanced,
        epoch=recipe.clips.epoch,
    )
    clips = FileList(evaluation_list.files, evaluation_list.targets(names), *common)
    fingerprints = {
        "training": fingerprint([training_list.files, training_list.labels]),
        "evaluation": fingerprint([evaluation_list.files, evaluation_list.labels]),
    }
    result = _train(recipe, source, clips, fingerprints, out, start, choose_device(device), workers, track)
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
    """Train on the synthesized corpus, and evaluate on clips of it that are not trained on.

    Args:
        recipe: the recipe.
        out: folder of the training.
        start: weight file to start from, for a recipe that starts from a file.
        device: a torch device. None is CUDA if it is available and the CPU otherwise.
        workers: threads that synthesize clips.
        track: shows the progress.

    Raises:
        FileNotFoundError: weights are absent.
        ValueError: recipe and weights do not fit together.
    """
    device = choose_device(device)
    source, evaluation = corpus_clips(recipe, device, track)
    fingerprints = {"training": source.fingerprint, "evaluation": evaluation.fingerprint}
    return _train(recipe, source, evaluation, fingerprints, out, start, device, workers, track)


def _train(
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
    """Train the recipe's network, and write the card of its weights."""
    student = student_of(recipe, len(source.labels))
    if start is not None:
        student.net.load_state_dict(from_file(start, student.net.state_dict(), source.labels, student.heads))
        data = {**data, "start": sha256_of(start)}
    _claim_data(out / DATA_FILE, data)
    result = train(recipe, source, evaluation, out, device, track, student=student, workers=workers)
    if os.environ.get("RANK", "0") == "0":
        write_card(out / CARD_FILE, recipe, result, data, student, device, len(source.labels))
    return result


def _claim_data(path: Path, data: dict[str, str]) -> None:
    """Record the fingerprints of a training's data.

    Every later run in the folder must share them.

    Raises:
        ValueError: an earlier run in the folder had other clips or another start.
    """
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else data
    for name in data:
        if earlier.get(name) != data[name]:
            difference = "another start" if name == "start" else f"other {name} clips"
            raise ValueError(f"{path.parent}: was trained with {difference}, of fingerprint {earlier.get(name)}")
    write_json(path, data)
