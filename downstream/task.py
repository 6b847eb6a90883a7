"""A HEAR task folder, read and checked once into a frozen value.

Layout (hear-preprocess): ``task_metadata.json``, ``labelvocabulary.csv`` (idx,label), one ``<split>.json`` a split,
audio in ``<sample_rate>/<split>/<file>``. Scene task: a split maps a file to its labels; event task: to its events.
"""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from downstream.files import read_whole

EMBEDDING_TYPES = ("scene", "event")
PREDICTION_TYPES = ("multiclass", "multilabel")
SPLIT_MODES = ("trainvaltest", "presplit_kfold", "new_split_kfold")
TRAIN_VALID_TEST = ("train", "valid", "test")


@dataclass(frozen=True)
class Event:
    """A labelled stretch of a clip, `start` and `end` in ms."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Fold:
    """One assignment of splits; named after its test split."""

    train: tuple[str, ...]
    valid: str
    test: str

    @property
    def name(self) -> str:
        return self.test


@dataclass(frozen=True)
class Task:
    """What a task folder says, apart from the sound.

    Attributes:
        name: the folder's name.
        folder: where it lies.
        embedding_type: `scene` (one label set a clip) or `event` (labelled stretches).
        prediction_type: `multiclass` (exactly one label a clip) or `multilabel`.
        labels: the label vocabulary, in index order.
        metrics: names of HEAR's metrics; the first is the primary one.
        items: per split, in the file's order, file -> labels, or events.
        selects_by_loss: the lowest validation loss selects, instead of the best primary score.
        evaluation_params: HEAR's further settings (post-processing grid, task-specific probe settings).
    """

    name: str
    folder: Path
    embedding_type: str
    prediction_type: str
    split_mode: str
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    items: Mapping[str, Mapping[str, tuple]] = field(repr=False)
    selects_by_loss: bool = False
    evaluation_params: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_dir(cls, folder: str | Path) -> "Task":
        """Read a task folder, or an embedding folder of hear-eval-kit, which has the same files.

        Raises:
            FileNotFoundError, ValueError: name the file and field, the value got and what was expected.
        """
        folder = Path(folder)
        source = folder / "task_metadata.json"
        if not folder.is_dir():
            raise FileNotFoundError(f"no task folder at {folder}")
        if not source.is_file():
            raise FileNotFoundError(f"{source} is missing; a HEAR task folder has one")
        metadata = _read_json(source, dict)
        embedding_type = _one_of(source, metadata, "embedding_type", EMBEDDING_TYPES)
        prediction_type = _one_of(source, metadata, "prediction_type", PREDICTION_TYPES)
        split_mode = _one_of(source, metadata, "split_mode", SPLIT_MODES)
        if embedding_type == "event" and prediction_type != "multilabel":
            raise ValueError(f"{source}: prediction_type of an event task must be multilabel, got {prediction_type!r}")
        splits = _splits(source, metadata, split_mode)
        labels = _vocabulary(folder / "labelvocabulary.csv")
        parse = _events if embedding_type == "event" else _labels
        items = {split: parse(folder / f"{split}.json", labels, prediction_type) for split in splits}
        return cls(
            name=folder.resolve().name,
            folder=folder,
            embedding_type=embedding_type,
            prediction_type=prediction_type,
            split_mode=split_mode,
            splits=splits,
            labels=labels,
            metrics=_names(source, metadata, "evaluation"),
            items=items,
            selects_by_loss=not metadata.get("use_scoring_for_early_stopping", True),
            evaluation_params=_mapping(source, metadata, "evaluation_params"),
            metadata=metadata,
        )

    def folds(self) -> tuple[Fold, ...]:
        """The assignments to evaluate. k folds: test = fold i, valid = fold i + 1 (cyclic), train = the rest."""
        if self.split_mode == "trainvaltest":
            return (Fold(("train",), "valid", "test"),)
        names = sorted(self.splits)
        folds = []
        for i, test in enumerate(names):
            valid = names[(i + 1) % len(names)]
            folds.append(Fold(tuple(name for name in names if name not in (test, valid)), valid, test))
        return tuple(folds)

    @property
    def is_event(self) -> bool:
        return self.embedding_type == "event"


def _read_json(path: Path, kind: type) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        found = json.loads(read_whole(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(found, kind):
        raise ValueError(f"{path}: expected a JSON {'object' if kind is dict else kind.__name__}")
    return found


def _one_of(source: Path, metadata: Mapping, name: str, allowed: tuple[str, ...]) -> str:
    value = metadata.get(name)
    if value not in allowed:
        raise ValueError(f"{source}: {name} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def _names(source: Path, metadata: Mapping, name: str) -> tuple[str, ...]:
    value = metadata.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise ValueError(f"{source}: {name} must be a list of names, got {value!r}")
    return tuple(value)


def _mapping(source: Path, metadata: Mapping, name: str) -> Mapping[str, Any]:
    value = metadata.get(name) or {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{source}: {name} must be an object, got {value!r}")
    return value


def _splits(source: Path, metadata: Mapping, split_mode: str) -> tuple[str, ...]:
    splits = _names(source, metadata, "splits")
    if len(set(splits)) != len(splits):
        raise ValueError(f"{source}: splits must be distinct, got {list(splits)}")
    odd = next((split for split in splits if split != Path(split).name or split in ("", "..")), None)
    if odd is not None:
        raise ValueError(f"{source}: splits must be names of files, got {odd!r}")
    if split_mode == "trainvaltest" and set(splits) != set(TRAIN_VALID_TEST):
        raise ValueError(f"{source}: splits of trainvaltest must be train, valid and test, got {list(splits)}")
    if split_mode != "trainvaltest" and len(splits) < 3:
        raise ValueError(f"{source}: {split_mode} needs at least 3 folds, got {list(splits)}")
    return splits


def _vocabulary(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        rows = list(csv.DictReader(read_whole(path).decode().splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a table in UTF-8: {error}") from None
    if not rows or not {"idx", "label"} <= rows[0].keys():
        raise ValueError(f"{path}: expected a header idx,label and at least one label")
    by_index = {int(row["idx"]): row["label"] for row in rows if row["label"] and (row["idx"] or "").isdecimal()}
    if sorted(by_index) != list(range(len(rows))):
        raise ValueError(f"{path}: idx must count 0, 1, ..., {len(rows) - 1}")
    return tuple(by_index[i] for i in range(len(rows)))


def _labels(path: Path, vocabulary: tuple[str, ...], prediction_type: str) -> dict[str, tuple[str, ...]]:
    items, known = {}, set(vocabulary)
    for file, labels in _read_json(path, dict).items():
        if not isinstance(labels, list):
            raise ValueError(f"{path}: {file}: expected a list of labels, got {labels!r}")
        items[file] = tuple(str(label) for label in labels)
        for label in items[file]:
            _check_label(path, file, label, known)
        if prediction_type == "multiclass" and len(labels) != 1:
            raise ValueError(f"{path}: {file}: a multiclass item has exactly one label, got {labels!r}")
    return _non_empty(path, items)


def _events(path: Path, vocabulary: tuple[str, ...], _: str) -> dict[str, tuple[Event, ...]]:
    items, known = {}, set(vocabulary)
    for file, events in _read_json(path, dict).items():
        try:
            found = tuple(Event(str(e["label"]), float(e["start"]), float(e["end"])) for e in events)
        except (TypeError, KeyError, ValueError, OverflowError):
            raise ValueError(f"{path}: {file}: expected a list of {{label, start, end}}, got {events!r:.80}") from None
        for event in found:
            _check_label(path, file, event.label, known)
            if not -math.inf < event.start <= event.end < math.inf:
                raise ValueError(f"{path}: {file}: an event must end after it starts, got {event}")
        items[file] = found
    return _non_empty(path, items)


def _check_label(path: Path, file: str, label: str, known: set[str]) -> None:
    if label not in known:
        shown = ", ".join(sorted(known)[:10]) + (", ..." if len(known) > 10 else "")
        raise ValueError(f"{path}: {file}: label {label!r} is not in labelvocabulary.csv ({shown})")


def _non_empty(path: Path, items: dict) -> dict:
    if not items:
        raise ValueError(f"{path}: lists no files")
    return items
