"""A HEAR task from a list: examine it, look at the report, then make the folder."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ablations.tasks.prepare import checks
from ablations.tasks.prepare.checks import ALLOWABLE, DROPPABLE, KINDS, Finding
from ablations.tasks.prepare.clips import Clip, find_clip, in_parallel, inspect
from ablations.tasks.prepare.event_checks import as_written, event_findings
from ablations.tasks.prepare.folder import Item, item_name, write_task
from ablations.tasks.prepare.folds import draw_folds, joined_groups
from ablations.tasks.prepare.listing import Entry, Listing
from ablations.tasks.prepare.metadata import kit_findings, metadata_of, metrics_of, vocabulary_of
from ablations.tasks.prepare.report import Report, balance_table, label_counts, split_table
from downstream.progress import Track, silent
from downstream.sound.decode import HIGHEST_RATE, LOWEST_RATE
from downstream.tasks.task import TRAIN_VALID_TEST

FEWEST = 2  # items that a probe can be trained on


@dataclass(frozen=True)
class Options:
    """What can be chosen.

    Attributes:
        audio: folders of the files; the list's own where there are none.
        rates: in Hz; the highest of the files where there are none.
        folds: how many are drawn, where the list has neither split nor fold; an absent valid is such a part of train.
        seed: of what is drawn.
        metrics: HEAR's names, in place of the kind's.
        labels: a CSV file of the vocabulary, in place of the labels there are.
        seconds: the length that every clip should have.
        allow, drop: kinds of findings that are borne, and whose files are left out.
        grid: event post-processing in ms, by `median_filter_ms` and `min_duration`.
    """

    audio: tuple[Path, ...] = ()
    rates: tuple[int, ...] = ()
    folds: int = 5
    seed: int = 0
    metrics: tuple[str, ...] = ()
    labels: Path | None = None
    seconds: float | None = None
    allow: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    grid: Mapping[str, Sequence[float]] = field(default_factory=dict)
    workers: int | None = None

    def __post_init__(self) -> None:
        for name, given, known in (("allow", self.allow, ALLOWABLE), ("drop", self.drop, DROPPABLE)):
            if odd := [kind for kind in given if kind not in known]:
                raise ValueError(f"{name} must be of {', '.join(known)}, got {odd[0]!r}")
        if self.folds < 3:
            raise ValueError(f"folds must be at least 3 (train, valid, test), got {self.folds}")
        if odd_rate := [rate for rate in self.rates if not LOWEST_RATE <= rate <= HIGHEST_RATE]:
            raise ValueError(f"rate must be {LOWEST_RATE} to {HIGHEST_RATE} Hz, got {odd_rate[0]}")
        lengths = {"seconds": [self.seconds] if self.seconds is not None else [], **self.grid}
        for name, values in lengths.items():
            if odd_length := [value for value in values if not 0 <= value < math.inf]:
                raise ValueError(f"{name} must be a number of at least 0, got {odd_length[0]}")


@dataclass(frozen=True)
class Examined:
    """A list, looked through: `stopped_by` are the findings that are in the way of making the task."""

    source: Path
    report: Report
    stopped_by: tuple[Finding, ...]
    metadata: Mapping[str, Any]
    labels: tuple[str, ...]
    items: tuple[Item, ...]
    rates: tuple[int, ...]


def examine(listing: Listing, name: str, options: Options, track: Track = silent) -> Examined:
    """Decode every clip, draw what splits are missing, and look for what can be wrong.

    Args:
        name: of the task folder, <name>-<version>.

    Raises:
        FileNotFoundError, ValueError: where no task could be made whatever is allowed; names list, line and file.
    """
    names = metrics_of(listing, options.metrics)
    folders = options.audio or (listing.path.parent,)
    paths = [find_clip(entry.file, folders) for entry in listing.entries]
    decoded = in_parallel(inspect, paths, options.workers, track, f"reading {name}")
    found = checks.clip_findings(listing, decoded, options.seconds)
    clips = {entry.file: clip for entry, clip in zip(listing.entries, decoded, strict=True)}
    left_out = {file for finding in found if finding.kind in options.drop for file in finding.files}
    entries = [entry for entry in listing.entries if not clips[entry.file].error and entry.file not in left_out]
    if listing.embedding_type == "event":
        found += [one for entry in entries for one in event_findings(entry, clips[entry.file])]
        entries = [as_written(entry, clips[entry.file]) for entry in entries]
        lost = [one for one in found if one.kind in ("late_events", "lost_events")]
        if lost and not any(entry.events for entry in entries):
            raise ValueError(f"{listing.path}: {lost[0].text}; no event is left (is --unit right?)")
    found += checks.sound_findings(checks.twins(entries, clips))
    if "duplicates" in options.drop:
        left_out |= {file for finding in found if finding.kind == "duplicates" for file in finding.files}
        entries = [entry for entry in entries if entry.file not in left_out]
    if not entries:
        raise ValueError(f"{listing.path}: {found[0].text}; no file is left of {len(listing.entries)}")

    labels = vocabulary_of(listing, [label for entry in entries for label in entry.labels], options.labels)
    groups = _groups(entries, clips)
    entries, splits = _with_splits(listing, entries, groups, options)
    counts = label_counts(labels, splits, entries)
    found += checks.leak_findings(entries, checks.twins(entries, clips))
    rates = options.rates or (max(clips[entry.file].rate for entry in entries),)
    rates = tuple(dict.fromkeys(rates))
    table = split_table(splits, entries, clips, groups)
    several = listing.embedding_type == "scene" and listing.prediction_type == "multilabel"
    found += checks.label_findings(labels, splits, counts, table["files"], several)
    found += checks.alike_findings("label", labels)
    found += checks.alike_findings("group", (entry.group for entry in entries if entry.group is not None))
    found += kit_findings(labels)
    facts = _facts(name, listing, entries, clips, options, rates, len(listing.entries) - len(entries))
    report = Report(facts, table, balance_table(labels, splits, counts, table["files"]), tuple(found))
    metadata = metadata_of(name, listing, splits, names, options.grid)
    items = _items(listing, entries, clips, rates, _group_names(entries, groups))
    return Examined(listing.path, report, _stopping(found, options), metadata, labels, items, rates)


def make_task(examined: Examined, target: Path, workers: int | None = None, track: Track = silent) -> None:
    """Write the task folder, whole or not at all.

    Raises:
        FileExistsError: something is there already.
        ValueError: for findings that are in the way; names the first, and what can be done.
    """
    if examined.stopped_by:
        first, counts = examined.stopped_by[0], Counter(finding.kind for finding in examined.stopped_by)
        ways = [f"--drop {kind} leaves them out" for kind in counts if kind in DROPPABLE]
        ways += [f"--allow {kind} goes on" for kind in counts if kind in ALLOWABLE]
        shown = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        raise ValueError(f"{examined.source}: {first.text}. Nothing was made, for {shown}: {'; '.join(ways)}")
    texts = examined.report.files()
    write_task(target, examined.metadata, examined.labels, examined.items, examined.rates, texts, workers, track)


def _stopping(found: Sequence[Finding], options: Options) -> tuple[Finding, ...]:
    borne = {*options.allow, *options.drop}
    return tuple(finding for finding in found if KINDS[finding.kind].stops and finding.kind not in borne)


def _groups(entries: Sequence[Entry], clips: Mapping[str, Clip]) -> np.ndarray:
    """What belongs together: files of a group, and files of the same sound."""
    keys = []
    for entry in entries:
        named = [] if entry.group is None else [("group", entry.group)]
        sound = [("sound", clips[entry.file].digest)] if clips[entry.file].digest else []
        keys.append([*named, *sound])
    return joined_groups(keys)


def _group_names(entries: Sequence[Entry], groups: np.ndarray) -> dict[str, str]:
    """File -> a name of what it belongs to; "" for a file that nothing else belongs to and that the list puts in none.

    Groups that share a sound are one, named by all of them; files of one sound alone, by the first of them.
    """
    members: dict[int, list[Entry]] = {}
    for entry, number in zip(entries, groups.tolist(), strict=True):
        members.setdefault(number, []).append(entry)
    names = {}
    for number, together in members.items():
        listed = dict.fromkeys(entry.group for entry in together if entry.group is not None)
        alone = together[0].file if len(together) > 1 else ""
        names[number] = " + ".join(listed) or alone
    return {entry.file: names[number] for entry, number in zip(entries, groups.tolist(), strict=True)}


def _with_splits(
    listing: Listing, entries: list[Entry], groups: np.ndarray, options: Options
) -> tuple[list[Entry], list[str]]:
    """Entries with their splits, drawn where the list has none, and all splits in order."""
    if listing.split_mode == "new_split_kfold":
        drawn = _draw(listing, entries, groups, options)
        entries = [replace(entry, split=f"fold{fold:02}") for entry, fold in zip(entries, drawn, strict=True)]
        return entries, [f"fold{fold:02}" for fold in range(options.folds)]
    if listing.split_mode == "presplit_kfold":
        splits = list(listing.fold_names)
    else:
        splits = list(TRAIN_VALID_TEST)
        if not any(entry.split == "valid" for entry in listing.entries):
            train = [i for i, entry in enumerate(entries) if entry.split == "train"]
            drawn = _draw(listing, [entries[i] for i in train], groups[train], options)
            for i, fold in zip(train, drawn, strict=True):
                entries[i] = replace(entries[i], split="train" if fold else "valid")
    if empty := [split for split in splits if all(entry.split != split for entry in entries)]:
        raise ValueError(f"{listing.path}: no file is left in {empty[0]}")
    _check_training(listing, entries, splits)
    return entries, splits


def _check_training(listing: Listing, entries: Sequence[Entry], splits: Sequence[str]) -> None:
    """Raise ValueError where a fold would have a single item to train on: a file, of tasks that have no events."""
    counts = Counter(entry.split for entry in entries)
    at_test = [counts[split] for split in sorted(splits)]
    folds = [len(entries) - a - b for a, b in zip(at_test, [*at_test[1:], at_test[0]], strict=True)]
    fewest = counts["train"] if listing.split_mode == "trainvaltest" else min(folds)
    if listing.embedding_type == "scene" and fewest < FEWEST:
        raise ValueError(f"{listing.path}: at least {FEWEST} files must be trained on, got {fewest}")


def _draw(listing: Listing, entries: Sequence[Entry], groups: np.ndarray, options: Options) -> np.ndarray:
    try:
        return draw_folds([entry.labels for entry in entries], groups, options.folds, options.seed)
    except ValueError as error:
        raise ValueError(f"{listing.path}: {error}") from None


def _items(
    listing: Listing,
    entries: Sequence[Entry],
    clips: Mapping[str, Clip],
    rates: Sequence[int],
    groups: Mapping[str, str],
) -> tuple[Item, ...]:
    """The task's items under names that are all different: of files in several folders, the folders are part of it."""
    names = [item_name(entry.file, clips[entry.file], rates) for entry in entries]
    twice = {name for name, count in Counter(names).items() if count > 1}
    found: dict[str, Item] = {}
    for entry, name in zip(entries, names, strict=True):
        if name in twice:
            folders = [part for part in PurePath(entry.file).parent.parts if part not in ("/", "..")]
            name = "_".join([*folders, name])
        if name in found:
            raise ValueError(f"{listing.place(entry)}: is called {name} in the task, as another file is; rename one")
        clip = clips[entry.file]
        found[name] = Item(name, str(entry.split), clip, _value(listing, entry, clip), groups[entry.file])
    return tuple(found.values())


def _value(listing: Listing, entry: Entry, clip: Clip) -> list:
    """Labels, or events, which end with their clip."""
    if listing.embedding_type == "scene":
        return list(entry.labels)
    end = 1000 * clip.seconds
    events = [event for event in entry.events if event.start <= end]
    return [{"label": e.label, "start": e.start, "end": min(e.end, end)} for e in events]


def _facts(
    name: str,
    listing: Listing,
    entries: Sequence[Entry],
    clips: Mapping[str, Clip],
    options: Options,
    rates: Sequence[int],
    left_out: int,
) -> dict[str, str]:
    there = [clips[entry.file] for entry in entries]
    seconds = sorted(clip.seconds for clip in there)
    source_rates = Counter(clip.rate for clip in there)
    shown = {"kind": f"{listing.embedding_type}, {listing.prediction_type}", "list": listing.path.name}
    shown["files"] = f"{len(entries)}" + (f", and {left_out} left out" if left_out else "")
    median = statistics.median(seconds)
    shown["lengths in s"] = f"{seconds[0]:.4g} to {seconds[-1]:.4g}, median {median:.4g}, {sum(seconds):.4g} in all"
    shown["rates of the files in Hz"] = ", ".join(f"{rate} ({count})" for rate, count in sorted(source_rates.items()))
    shown["rates of the task in Hz"] = ", ".join(map(str, rates))
    if mixed := sum(clip.channels > 1 for clip in there):
        shown["mixed down to mono"] = f"{mixed}"
    drawn = f"drawn with seed {options.seed}"
    shown["splits"] = f"{listing.split_mode}, {drawn if listing.split_mode == 'new_split_kfold' else 'of the list'}"
    if listing.split_mode == "trainvaltest" and all(entry.split != "valid" for entry in listing.entries):
        shown["splits"] += f", valid {drawn} from train"
    if listing.fold_names:
        shown["folds"] = ", ".join(f"{fold} = {given}" for fold, given in listing.fold_names.items())
    together = (
        "files of one group, files of one sound" if listing.grouped else "files of one sound (there are no groups)"
    )
    shown["not to straddle splits"] = together
    return {"task": name, **shown}
