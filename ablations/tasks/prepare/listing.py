"""The list that a task is made from: a CSV file with a row a file (scenes) or a row an event."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ablations.inputs.lists import SEPARATOR, read_lines, split_labels
from ablations.tasks.prepare.clips import likeness
from downstream.disk.fields import shown
from downstream.disk.text_file import CsvLine
from downstream.tasks.task import TRAIN_VALID_TEST, Event

UNITS = {"s": 1000.0, "ms": 1.0}  # ms in one, of the columns start and end
EVENT_COLUMNS = ("start", "end", "label")
GROUP_COLUMNS = ("group", "recording")


@dataclass(frozen=True)
class Entry:
    """A file of the list.

    Attributes:
        file: as the list names it.
        line: of the list, where it is first named.
        labels: of a scene; of an event clip the labels of its events, each once.
        events: of an event clip, in ms.
        split: as the task names it; None where it is yet to be drawn.
        group: what must not straddle splits; None for a file on its own.
    """

    file: str
    line: int
    labels: tuple[str, ...]
    events: tuple[Event, ...] = ()
    split: str | None = None
    group: str | None = None

    @property
    def place(self) -> str:
        """Where it is in its list, for findings."""
        return f"line {self.line}: {self.file}"


@dataclass(frozen=True)
class Listing:
    """A list as read.

    Attributes:
        split_mode: HEAR's; new_split_kfold where the list has neither split nor fold.
        fold_names: name of a fold in the task -> in the list.
    """

    path: Path
    embedding_type: str
    prediction_type: str
    split_mode: str
    entries: tuple[Entry, ...]
    grouped: bool
    fold_names: Mapping[str, str] = field(default_factory=dict)

    def place(self, entry: Entry) -> str:
        """Where an entry is, for errors."""
        return f"{self.path}: {entry.place}"


def read_listing(
    path: Path, *, separator: str = SEPARATOR, unit: str = "s", group: str | None = None, multiclass: bool = False
) -> Listing:
    """Read and check a list.

    Columns: `file`; `label` (exactly one) or `labels` (any number, between separators); for event tasks `start`, `end`
    and `label`, all three empty for a clip without events; `split` (train, test, and valid or not) or `fold` or
    neither; `group` or `recording` or neither. Other columns are ignored.

    Args:
        unit: of start and end, `s` or `ms`.
        group: the name of the group's column in place of these two.
        multiclass: `labels` holds exactly one label.

    Raises:
        FileNotFoundError, ValueError: name the list, the line and the column, what is there and what was expected.
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
    if label is None:
        raise ValueError(f"{path}: must have a column label or labels, got {', '.join(columns)}")
    absent = sorted({*EVENT_COLUMNS} - set(columns))
    if absent and {"start", "end"} & set(columns):
        raise ValueError(f"{path}: an event task must have the columns start, end and label; {absent[0]} is absent")
    if not absent:
        kind, entries = ("event", "multilabel"), _event_entries(path, rows, split, group, UNITS[unit])
    else:
        single = label == "label" or multiclass
        parse = _scene_entries(path, rows, label, split, group, None if label == "label" else separator)
        entries = [_check_labels(path, entry, single) for entry in parse]
        kind = ("scene", "multiclass" if single else "multilabel")
    if split == "fold":
        entries, names = _named_folds(path, entries)
        return Listing(path, *kind, "presplit_kfold", tuple(entries), group is not None, names)
    mode = "new_split_kfold" if split is None else "trainvaltest"
    return Listing(path, *kind, mode, tuple(_check_splits(path, entries) if split else entries), group is not None)


def _one_column(path: Path, columns: Sequence[str], names: Sequence[str]) -> str | None:
    found = [name for name in names if name in columns]
    if len(found) > 1:
        raise ValueError(f"{path}: must have one of the columns {' and '.join(names)}, got both")
    return found[0] if found else None


def _scene_entries(
    path: Path, rows: Sequence[CsvLine], label: str, split: str | None, group: str | None, separator: str | None
) -> list[Entry]:
    found: dict[str, Entry] = {}
    for line, row in rows:
        entry = _entry(path, line, row, split, group)
        if entry.file in found:
            raise ValueError(f"{path}: line {line}: {entry.file} is there already, in line {found[entry.file].line}")
        value = row[label].strip()
        labels = split_labels(value, separator) if separator else tuple(filter(None, [value]))
        found[entry.file] = replace(entry, labels=labels)
    return list(found.values())


def _event_entries(
    path: Path, rows: Sequence[CsvLine], split: str | None, group: str | None, ms_per_unit: float
) -> list[Entry]:
    found: dict[str, Entry] = {}
    for line, row in rows:
        entry = _entry(path, line, row, split, group)
        known = found.setdefault(entry.file, entry)
        for name, value, before in (("split", entry.split, known.split), ("group", entry.group, known.group)):
            if value != before:
                wanted = f"{before!r} as in line {known.line}"
                raise ValueError(f"{path}: line {line}: {entry.file}: {name} must be {wanted}, got {value!r}")
        event = _event(path, line, row, ms_per_unit)
        if event is not None:
            labels = tuple(dict.fromkeys((*known.labels, event.label)))
            found[entry.file] = replace(known, events=(*known.events, event), labels=labels)
    return list(found.values())


def _entry(path: Path, line: int, row: Mapping[str, str], split: str | None, group: str | None) -> Entry:
    for column in filter(None, ("file", split)):
        if not row[column].strip():
            raise ValueError(f"{path}: line {line}: {column} must not be empty")
    given = row[split].strip() if split else None
    return Entry(row["file"].strip(), line, (), (), given, (row[group].strip() or None) if group else None)


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
        wanted = "numbers, 0 <= start <= end, and a label (or all three empty, for a clip without events)"
        raise ValueError(
            f"{path}: line {line}: start, end and label must be {wanted}, got {', '.join(map(repr, texts))}"
        )
    return Event(texts[2], start, end)


def _check_labels(path: Path, entry: Entry, exactly_one: bool) -> Entry:
    place = f"{path}: {entry.place}"
    if exactly_one and len(entry.labels) != 1:
        raise ValueError(f"{place}: must have exactly one label, got {len(entry.labels)}")
    if len(set(entry.labels)) < len(entry.labels):
        raise ValueError(f"{place}: has a label twice: {', '.join(entry.labels)}")
    return entry


def _check_splits(path: Path, entries: Sequence[Entry]) -> list[Entry]:
    for entry in entries:
        if entry.split not in TRAIN_VALID_TEST:
            wanted = ", ".join(TRAIN_VALID_TEST)
            raise ValueError(f"{path}: line {entry.line}: split must be one of {wanted}, got {entry.split!r}")
    if absent := {"train", "test"} - {entry.split for entry in entries}:
        raise ValueError(f"{path}: split must be train and test at least, but no file is of {min(absent)}")
    return list(entries)


def _named_folds(path: Path, entries: Sequence[Entry]) -> tuple[list[Entry], dict[str, str]]:
    """Entries with their folds as the task calls them, fold00, fold01, ...: in the order of numbers, or of names."""
    given = {str(entry.split): entry.line for entry in reversed(entries)}
    numbers = all(re.fullmatch(r"\d{1,18}(\.\d{1,18})?", name) for name in given)
    known: dict[Any, str] = {}
    for name in sorted(given, key=given.get):
        like = known.setdefault(float(name) if numbers else likeness(name), name)
        if like != name:
            text = f"fold must have one name for a fold, got {shown(name)} and, in line {given[like]}, {shown(like)}"
            raise ValueError(f"{path}: line {given[name]}: {text}")
    names = {name: f"fold{i:02}" for i, name in enumerate(sorted(given, key=float if numbers else str))}
    if len(names) < 3:
        raise ValueError(f"{path}: fold must have at least 3 values, got {', '.join(sorted(given))}")
    found = [replace(entry, split=names[str(entry.split)]) for entry in entries]
    return found, {name: original for original, name in names.items()}
