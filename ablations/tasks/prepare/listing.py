"""The list that a task is made from: a CSV file with one row a file or an event."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ablations.inputs.lists import SEPARATOR, read_lines, split_labels
from ablations.tasks.prepare.clips import likeness
from downstream.disk.fields import shown
from downstream.disk.text_file import CsvLine
from downstream.tasks.task import TRAIN_VALID_TEST, Event

UNITS = {"s": 1000.0, "ms": 1.0}  # of the columns start and end, in ms
EVENT_COLUMNS = ("start", "end", "label")
GROUP_COLUMNS = ("group", "recording")
TARGET = "target"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
MOST = 1e18  # that a task's files may hold


@dataclass(frozen=True)
class Entry:
    """A file of the list.

    Attributes:
        file: its name in the list.
        line: number of the first line that names it.
        labels: the labels of a scene, or the distinct labels of the clip's events.
        events: the events of an event clip, in ms.
        split: the split's name in the task; None if it has to be drawn.
        group: name of what must not straddle splits; None for a file on its own.
        target: the number of a file of a regression task; None for other tasks.
    """

    file: str
    line: int
    labels: tuple[str, ...]
    events: tuple[Event, ...] = ()
    split: str | None = None
    group: str | None = None
    target: float | None = None

    @property
    def place(self) -> str:
        """The line and the file, for findings."""
        return f"line {self.line}: {self.file}"


@dataclass(frozen=True)
class Listing:
    """A list that was read.

    Attributes:
        path: the file.
        embedding_type: scene or event.
        prediction_type: multiclass, multilabel or regression.
        split_mode: HEAR's name; new_split_kfold if the list has neither split nor fold.
        entries: its files.
        grouped: whether it has a column of groups.
        fold_names: name of a fold in the task -> its name in the list.
    """

    path: Path
    embedding_type: str
    prediction_type: str
    split_mode: str
    entries: tuple[Entry, ...]
    grouped: bool
    fold_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_regression(self) -> bool:
        return self.prediction_type == "regression"

    def place(self, entry: Entry) -> str:
        """The list, the line and the file, for errors."""
        return f"{self.path}: {entry.place}"


def read_listing(
    path: Path, *, separator: str = SEPARATOR, unit: str = "s", group: str | None = None, multiclass: bool = False
) -> Listing:
    """Read and check a list.

    The columns are `file`; `label` (exactly one) or `labels` (any number, between separators), or in place of them
    `target` (a number) for a regression task; for event tasks `start`, `end` and `label`, all three empty for a clip
    without events; optionally `split` (train, test, optionally valid) or
    `fold`; optionally `group` or `recording`. Other columns are ignored.

    Args:
        path: the CSV file.
        separator: what stands between the labels of a file.
        unit: unit of start and end, `s` or `ms`.
        group: name of the column of groups; None for `group` or `recording`.
        multiclass: whether `labels` holds exactly one label.

    Raises:
        FileNotFoundError, ValueError: names the list, the line and the column, the value got and what was expected.
    """
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, got {unit!r}")
    group = group.strip().casefold() if group is not None else None
    rows = read_lines(path, ("file",) if group is None else ("file", group))
    if not rows:
        raise ValueError(f"{path}: must name at least one file, got none")
    columns = list(rows[0][1])
    label = _one_column(path, columns, ("label", "labels"))
    split = _one_column(path, columns, ("split", "fold"))
    group = group or _one_column(path, columns, GROUP_COLUMNS)
    if label is None and TARGET not in columns:
        raise ValueError(f"{path}: must have a column label, labels or {TARGET}, got {', '.join(columns)}")
    absent = sorted({*EVENT_COLUMNS} - set(columns))
    if label is None and {"start", "end"} & set(columns):
        raise ValueError(f"{path}: a {TARGET} is of a whole file, so that it must have no columns start and end")
    if absent and {"start", "end"} & set(columns):
        raise ValueError(f"{path}: an event task must have the columns start, end and label; {absent[0]} is absent")
    if not absent:
        kind, entries = ("event", "multilabel"), _event_entries(path, rows, split, group, UNITS[unit])
    elif label is None:
        if multiclass:
            raise ValueError(f"{path}: multiclass is of the column labels, and the list has the column {TARGET}")
        kind, entries = ("scene", "regression"), _scene_entries(path, rows, TARGET, split, group, None)
        entries = [replace(entry, labels=(), target=_number(path, entry)) for entry in entries]
    else:
        single = label == "label" or multiclass
        entries = _scene_entries(path, rows, label, split, group, None if label == "label" else separator)
        for entry in entries:
            _check_labels(path, entry, single)
        kind = ("scene", "multiclass" if single else "multilabel")
    if split == "fold":
        entries, names = _named_folds(path, entries)
        return Listing(path, *kind, "presplit_kfold", tuple(entries), group is not None, names)
    if split == "split":
        _check_splits(path, entries)
    mode = "new_split_kfold" if split is None else "trainvaltest"
    return Listing(path, *kind, mode, tuple(entries), group is not None)


def _one_column(path: Path, columns: Sequence[str], names: Sequence[str]) -> str | None:
    present = [name for name in names if name in columns]
    if len(present) > 1:
        raise ValueError(f"{path}: must have one of the columns {' and '.join(names)}, got both")
    return present[0] if present else None


def _scene_entries(
    path: Path, rows: Sequence[CsvLine], label: str, split: str | None, group: str | None, separator: str | None
) -> list[Entry]:
    entries: dict[str, Entry] = {}
    for line, row in rows:
        entry = _entry(path, line, row, split, group)
        if entry.file in entries:
            raise ValueError(f"{path}: line {line}: {entry.file} is there already, in line {entries[entry.file].line}")
        value = row[label].strip()
        labels = split_labels(value, separator) if separator else tuple(filter(None, [value]))
        entries[entry.file] = replace(entry, labels=labels)
    return list(entries.values())


def _number(path: Path, entry: Entry) -> float:
    """The target of an entry whose only label is its text."""
    (text,) = entry.labels or ("",)
    if not NUMBER.fullmatch(text) or not abs(float(text)) < MOST:
        raise ValueError(f"{path}: {entry.place}: {TARGET} must be a number, got {shown(text)}")
    return float(text)


def _event_entries(
    path: Path, rows: Sequence[CsvLine], split: str | None, group: str | None, ms_per_unit: float
) -> list[Entry]:
    entries: dict[str, Entry] = {}
    for line, row in rows:
        entry = _entry(path, line, row, split, group)
        known = entries.setdefault(entry.file, entry)
        for name, value, before in (("split", entry.split, known.split), ("group", entry.group, known.group)):
            if value != before:
                expected = f"{before!r} as in line {known.line}"
                raise ValueError(f"{path}: line {line}: {entry.file}: {name} must be {expected}, got {value!r}")
        event = _event(path, line, row, ms_per_unit)
        if event is not None:
            labels = tuple(dict.fromkeys((*known.labels, event.label)))
            entries[entry.file] = replace(known, events=(*known.events, event), labels=labels)
    return list(entries.values())


def _entry(path: Path, line: int, row: Mapping[str, str], split: str | None, group: str | None) -> Entry:
    for column in filter(None, ("file", split)):
        if not row[column].strip():
            raise ValueError(f"{path}: line {line}: {column} must not be empty")
    return Entry(
        row["file"].strip(),
        line,
        labels=(),
        split=row[split].strip() if split else None,
        group=(row[group].strip() or None) if group else None,
    )


def _event(path: Path, line: int, row: Mapping[str, str], ms_per_unit: float) -> Event | None:
    texts = [row[name].strip() for name in EVENT_COLUMNS]
    if not any(texts):
        return None
    try:
        # to the microsecond: 0.3 s is 300 ms, not 299.99999999999994
        start, end = (round(float(text) * ms_per_unit, 3) for text in texts[:2])
    except (ValueError, OverflowError):
        start = end = float("nan")
    if not (0 <= start <= end < float("inf")) or not texts[2]:
        expected = "numbers, 0 <= start <= end, and a label (or all three empty, for a clip without events)"
        raise ValueError(
            f"{path}: line {line}: start, end and label must be {expected}, got {', '.join(map(repr, texts))}"
        )
    return Event(texts[2], start, end)


def _check_labels(path: Path, entry: Entry, exactly_one: bool) -> None:
    place = f"{path}: {entry.place}"
    if exactly_one and len(entry.labels) != 1:
        raise ValueError(f"{place}: must have exactly one label, got {len(entry.labels)}")
    if len(set(entry.labels)) < len(entry.labels):
        raise ValueError(f"{place}: has a label twice: {', '.join(entry.labels)}")


def _check_splits(path: Path, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.split not in TRAIN_VALID_TEST:
            known = ", ".join(TRAIN_VALID_TEST)
            raise ValueError(f"{path}: line {entry.line}: split must be one of {known}, got {entry.split!r}")
    if absent := {"train", "test"} - {entry.split for entry in entries}:
        raise ValueError(f"{path}: split must be train and test at least, but no file is of {min(absent)}")


def _named_folds(path: Path, entries: Sequence[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """Rename folds to fold00, fold01, ... in the order of their numbers, or of their names.

    Returns:
        The entries with their folds, and name of a fold in the task -> its name in the list.
    """
    lines = {str(entry.split): entry.line for entry in reversed(entries)}  # fold -> the first line that names it
    numbered = all(re.fullmatch(r"\d{1,18}(\.\d{1,18})?", fold) for fold in lines)
    known: dict[float | str, str] = {}
    for fold in sorted(lines, key=lambda fold: lines[fold]):
        like = known.setdefault(float(fold) if numbered else likeness(fold), fold)
        if like != fold:
            text = f"fold must have one name for a fold, got {shown(fold)} and, in line {lines[like]}, {shown(like)}"
            raise ValueError(f"{path}: line {lines[fold]}: {text}")
    if len(lines) < 3:
        raise ValueError(f"{path}: fold must have at least 3 values, got {', '.join(sorted(lines))}")
    names = {fold: f"fold{place:02}" for place, fold in enumerate(sorted(lines, key=float if numbered else str))}
    renamed = [replace(entry, split=names[str(entry.split)]) for entry in entries]
    return renamed, {name: fold for fold, name in names.items()}
