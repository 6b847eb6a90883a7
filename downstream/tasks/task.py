"""A HEAR task folder, read and checked once into a frozen value.

Layout (hear-preprocess): ``task_metadata.json``, ``labelvocabulary.csv`` (idx,label), ``<split>.json`` for each split,
audio in ``<sample_rate>/<split>/<file>``, and optionally ``groups.json`` (`downstream.tasks.groups`). The JSON of a
split maps a file to its labels (scene tasks), its events (event tasks), or one number for each target (regression,
whose vocabulary names the targets).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from downstream.disk import fields
from downstream.disk.files import absolute
from downstream.disk.text_file import read_csv, read_json
from downstream.tasks.conditions.condition import NO_CONDITIONS, Conditions
from downstream.tasks.groups import Groups, read_groups

EMBEDDING_TYPES = ("scene", "event")
PREDICTION_TYPES = ("multiclass", "multilabel", "regression")
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
    """One assignment of splits; named after its test split, or after the split whose changed sound that has."""

    train: tuple[str, ...]
    valid: str
    test: str
    clean: str = ""

    @property
    def name(self) -> str:
        return self.clean or self.test


@dataclass(frozen=True)
class Task:
    """A HEAR task: what its folder says, apart from the sound.

    Attributes:
        name: the folder's name.
        folder: the task folder.
        embedding_type: `scene` (one set of labels a clip) or `event` (labelled stretches).
        prediction_type: `multiclass` (exactly one label a clip), `multilabel` or `regression` (numbers a clip).
        split_mode: `trainvaltest`, or one of two modes of k folds.
        splits: their names, in the order of the metadata.
        labels: the label vocabulary, in index order; of regression the names of the targets.
        metrics: names of the metrics, the primary one first.
        items: split -> file -> labels, events or numbers (a float for each target), in the file's order.
        selects_by_loss: whether the lowest validation loss selects, instead of the best primary score.
        evaluation_params: HEAR's further settings (post-processing grid, probe settings of the task).
        metadata: all of `task_metadata.json`.
        groups: split -> file -> group (speaker, recording); empty if the folder names none.
        conditions: what the sound of some splits is changed by (`downstream.tasks.changed`); none in a folder.
        sources: split of changed sound -> the split of the folder whose clips it has.
    """

    name: str
    folder: Path
    embedding_type: str
    prediction_type: str
    split_mode: str
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    items: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(repr=False)
    selects_by_loss: bool = False
    evaluation_params: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    groups: Groups = field(default_factory=dict, repr=False)
    conditions: Conditions = NO_CONDITIONS
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_dir(cls, folder: str | Path) -> "Task":
        """Read a task folder, or an embedding folder of hear-eval-kit, which holds the same files.

        Raises:
            FileNotFoundError, ValueError: name the file and field, the value got and what was expected.
        """
        folder = Path(folder)
        source = folder / "task_metadata.json"
        if not folder.is_dir():
            raise FileNotFoundError(f"no task folder at {folder}")
        if not fields.is_unicode(folder.resolve().name):
            raise ValueError(f"{folder}: the name of a task folder must be in UTF-8; rename the folder")
        if not source.is_file():
            raise FileNotFoundError(f"{source} is missing; a HEAR task folder has one")
        metadata = fields.mapping(read_json(source), f"{source}: the file", "a JSON object")
        _check_values(source, metadata)
        embedding_type = _one_of(source, metadata, "embedding_type", EMBEDDING_TYPES)
        prediction_type = _one_of(source, metadata, "prediction_type", PREDICTION_TYPES)
        split_mode = _one_of(source, metadata, "split_mode", SPLIT_MODES)
        if embedding_type == "event" and prediction_type != "multilabel":
            raise ValueError(f"{source}: prediction_type of an event task must be multilabel, got {prediction_type!r}")
        splits = _splits(source, metadata, split_mode)
        labels = _vocabulary(folder / "labelvocabulary.csv")
        parse = _events if embedding_type == "event" else _numbers if prediction_type == "regression" else _labels
        items = {split: parse(folder / f"{split}.json", labels, prediction_type) for split in splits}
        return cls(
            name=absolute(folder).name,
            folder=folder,
            embedding_type=embedding_type,
            prediction_type=prediction_type,
            split_mode=split_mode,
            splits=splits,
            labels=labels,
            metrics=_names(source, metadata, "evaluation"),
            items=items,
            selects_by_loss=metadata.get("use_scoring_for_early_stopping") is False,
            evaluation_params=metadata.get("evaluation_params") or {},
            metadata=metadata,
            groups=read_groups(folder, items),
        )

    def folds(self) -> tuple[Fold, ...]:
        """The folds: of k splits, split i tests, split i + 1 (cyclic) validates, the rest train."""
        changed = {source: split for split, source in self.sources.items()}
        if self.split_mode == "trainvaltest":
            return (_fold(("train",), "valid", "test", changed),)
        names = sorted({self.sources.get(split, split) for split in self.splits})
        folds = []
        for i, test in enumerate(names):
            valid = names[(i + 1) % len(names)]
            folds.append(_fold(tuple(name for name in names if name not in (test, valid)), valid, test, changed))
        return tuple(folds)

    @property
    def place(self) -> Path:
        """What tells a task from every other: its folder, with its conditions behind the name."""
        return self.folder.with_name(self.name) if self.conditions else self.folder

    @property
    def is_event(self) -> bool:
        return self.embedding_type == "event"

    @property
    def is_regression(self) -> bool:
        return self.prediction_type == "regression"


def _fold(train: tuple[str, ...], valid: str, test: str, changed: Mapping[str, str]) -> Fold:
    """A fold that tests on the changed sound of a split, if there is such."""
    sound = changed.get(test, test)
    return Fold(train, valid, sound, "" if sound == test else test)


def _check_values(source: Path, metadata: Mapping[str, Any]) -> None:
    """Check the types of optional values; null counts as absent."""
    optional: dict[str, Callable[[Any, str], Any]] = {
        "task_name": fields.text,
        "sample_duration": lambda value, where: fields.number(value, where, above=0),
        "use_scoring_for_early_stopping": fields.flag,
        "evaluation_params": lambda value, where: fields.mapping(value, where, "an object"),
    }
    for name, check in optional.items():
        if metadata.get(name) is not None:
            check(metadata[name], f"{source}: {name}")


def _one_of(source: Path, metadata: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    return fields.choice(metadata.get(name), f"{source}: {name}", allowed)


def _names(source: Path, metadata: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = metadata.get(name)
    if not value:
        raise fields.wrong(value, f"{source}: {name}", "a list of names")
    return tuple(fields.list_of(fields.text, value, f"{source}: {name}", "a list of names"))


def _splits(source: Path, metadata: Mapping[str, Any], split_mode: str) -> tuple[str, ...]:
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
    rows = [row for _, row in read_csv(path, padded=False)]
    if not rows or not {"idx", "label"} <= rows[0].keys():
        raise ValueError(f"{path}: expected a header idx,label and at least one label")
    by_index = {int(row["idx"]): row["label"] for row in rows if row["label"] and re.fullmatch(r"\d{1,9}", row["idx"])}
    if sorted(by_index) != list(range(len(rows))):
        raise ValueError(f"{path}: idx must count 0, 1, ..., {len(rows) - 1}")
    places: dict[str, int] = {}
    for index in range(len(rows)):
        label = by_index[index]
        if label in places:
            raise ValueError(f"{path}: labels must be distinct, got {label!r} as {places[label]} and as {index}")
        places[label] = index
    return tuple(places)


def _labels(path: Path, vocabulary: tuple[str, ...], prediction_type: str) -> dict[str, tuple[str, ...]]:
    items, known = {}, set(vocabulary)
    for file, labels in _items(path).items():
        where = f"{path}: {file}"
        items[file] = tuple(fields.list_of(_label, labels, f"{where}: its labels"))
        for label in items[file]:
            _check_label(path, file, label, known)
        if prediction_type == "multiclass" and len(labels) != 1:
            raise ValueError(f"{where}: a multiclass item has exactly one label, got {fields.shown(labels)}")
    return items


def _numbers(path: Path, vocabulary: tuple[str, ...], _: str) -> dict[str, tuple[float, ...]]:
    items, count = {}, len(vocabulary)
    for file, values in _items(path).items():
        where = f"{path}: {file}: its targets"
        expected = f"a list of {count} number{'s' * (count > 1)} ({', '.join(vocabulary)})"
        items[file] = tuple(map(float, fields.list_of(fields.number, values, where, expected)))
        if len(items[file]) != count:
            raise fields.wrong(values, where, expected)
    return items


def _events(path: Path, vocabulary: tuple[str, ...], _: str) -> dict[str, tuple[Event, ...]]:
    items, known = {}, set(vocabulary)
    for file, events in _items(path).items():
        where = f"{path}: {file}: its events"
        items[file] = tuple(fields.list_of(_event, events, where, "a list of {label, start, end}"))
        for event in items[file]:
            _check_label(path, file, event.label, known)
    return items


def _event(value: Any, where: str) -> Event:
    if not (isinstance(value, Mapping) and {"label", "start", "end"} <= value.keys()):
        raise fields.wrong(value, where, "{label, start, end}")
    label = _label(value["label"], f"{where} its label")
    start, end = (float(fields.number(value[name], f"{where} its {name}")) for name in ("start", "end"))
    if end < start:
        raise ValueError(f"{where} must not end before it starts, got {start:g} to {end:g} ms")
    return Event(label, start, end)


def _label(value: Any, where: str) -> str:
    """A label; some tasks write it as a number."""
    if type(value) in (int, float):
        return str(fields.number(value, where, expected="text"))
    return fields.text(value, where)


def _items(path: Path) -> Mapping[str, Any]:
    """The content of a split's JSON by file; the names of files stay below the split's folder."""
    items = fields.mapping(read_json(path), f"{path}: the file", "a JSON object")
    for file in items:
        name = PurePosixPath(file)
        if str(name) != file or name.is_absolute() or ".." in name.parts or file == "." or "\0" in file:
            expected = "the name of a file in the split's folder"
            raise ValueError(f"{path}: {fields.shown(file)} must be {expected}; a task has no clips elsewhere")
    if not items:
        raise ValueError(f"{path}: lists no files")
    return items


def _check_label(path: Path, file: str, label: str, known: set[str]) -> None:
    if label not in known:
        shown = ", ".join(sorted(known)[:10]) + (", ..." if len(known) > 10 else "")
        raise ValueError(f"{path}: {file}: label {label!r} is not in labelvocabulary.csv ({shown})")
