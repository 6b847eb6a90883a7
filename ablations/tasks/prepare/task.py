"""A HEAR task from a list: examine the list, look at the report, then make the folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations.tasks.prepare import checks
from ablations.tasks.prepare.checks import ALLOWABLE, DROPPABLE, KINDS, Finding
from ablations.tasks.prepare.clips import Clip, find_clip, in_parallel, inspect
from ablations.tasks.prepare.event_checks import as_written, event_findings
from ablations.tasks.prepare.folder import write_task
from ablations.tasks.prepare.items import Item, items_of
from ablations.tasks.prepare.listing import Entry, Listing
from ablations.tasks.prepare.metadata import kit_findings, metadata_of, metrics_of, vocabulary_of
from ablations.tasks.prepare.options import Options
from ablations.tasks.prepare.report import Report, balance_table, facts_of, label_counts, split_table
from ablations.tasks.prepare.splits import group_names, groups_of, with_splits
from ablations.tasks.prepare.targets import check_targets, target_findings, target_table
from downstream.progress import Track, silent


@dataclass(frozen=True)
class Examined:
    """A list that was examined, and everything that its task consists of.

    Attributes:
        source: the list.
        report: what is in the task, and every finding.
        stopped_by: findings that forbid to make the task.
        metadata: task_metadata.json without the clips' length.
        labels: the vocabulary in order.
        items: the clips of all splits.
        rates: sample rates in Hz.
    """

    source: Path
    report: Report
    stopped_by: tuple[Finding, ...]
    metadata: Mapping[str, Any]
    labels: tuple[str, ...]
    items: tuple[Item, ...]
    rates: tuple[int, ...]


def examine(listing: Listing, name: str, options: Options, track: Track = silent) -> Examined:
    """Decode every clip of a list, draw the splits that it lacks, and look for faults.

    Args:
        listing: the list.
        name: of the task folder, <name>-<version>.
        options: what the user chose.
        track: shows how far the decoding is.

    Raises:
        FileNotFoundError, ValueError: no task can be made, whatever is allowed; names list, line and file.
    """
    metrics = metrics_of(listing, options.metrics)
    folders = options.audio or (listing.path.parent,)
    paths = [find_clip(entry.file, folders) for entry in listing.entries]
    decoded = in_parallel(inspect, paths, options.workers, track, f"reading {name}")
    clips = {entry.file: clip for entry, clip in zip(listing.entries, decoded, strict=True)}
    entries, findings = _usable(listing, clips, options)
    labels = vocabulary_of(listing, [label for entry in entries for label in entry.labels], options.labels)
    groups = groups_of(entries, clips)
    entries, splits = with_splits(listing, entries, groups, options)
    counts = label_counts(labels, splits, entries)
    if listing.is_regression:
        check_targets(listing, entries, splits)
    table = split_table(splits, entries, clips, groups)
    rates = tuple(dict.fromkeys(options.rates or (max(clips[entry.file].rate for entry in entries),)))
    findings += [
        *checks.leak_findings(entries, checks.twins(entries, clips)),
        *_value_findings(listing, labels, splits, entries, counts),
        *checks.alike_findings("label", labels),
        *checks.alike_findings("group", (entry.group for entry in entries if entry.group is not None)),
        *kit_findings(labels),
    ]
    facts = facts_of(name, listing, [clips[entry.file] for entry in entries], rates, options.seed)
    balance = balance_table(labels, splits, counts, table["files"])
    targets = target_table(splits, entries) if listing.is_regression else None
    return Examined(
        source=listing.path,
        report=Report(facts, table, balance if targets is None else balance[:0], tuple(findings), targets),
        stopped_by=_stopping(findings, options),
        metadata=metadata_of(name, listing, splits, metrics, options.grid),
        labels=labels,
        items=items_of(listing, entries, clips, rates, group_names(entries, groups)),
        rates=rates,
    )


def make_task(examined: Examined, target: Path, workers: int | None = None, track: Track = silent) -> None:
    """Write the task folder: whole, or not at all.

    Args:
        examined: the list.
        target: the folder to be.
        workers: number of threads; None for one a core.
        track: shows how far the writing is.

    Raises:
        FileExistsError: something is at the place already.
        ValueError: findings forbid it; the message has the first of them, and what can be done.
    """
    if examined.stopped_by:
        first, counts = examined.stopped_by[0], Counter(finding.kind for finding in examined.stopped_by)
        ways = [f"--drop {kind} leaves them out" for kind in counts if kind in DROPPABLE]
        ways += [f"--allow {kind} goes on" for kind in counts if kind in ALLOWABLE]
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        raise ValueError(f"{examined.source}: {first.text}. Nothing was made, for {kinds}: {'; '.join(ways)}")
    texts = examined.report.files()
    write_task(target, examined.metadata, examined.labels, examined.items, examined.rates, texts, workers, track)


def _usable(listing: Listing, clips: Mapping[str, Clip], options: Options) -> tuple[list[Entry], list[Finding]]:
    """The entries that can be used, with their events as they will be written.

    The findings are those on clips, events and twins.

    Raises:
        ValueError: no file, or no event, is left.
    """
    findings = checks.clip_findings(listing, list(clips.values()), options.seconds)
    dropped = _files(findings, options.drop)
    entries = [entry for entry in listing.entries if not clips[entry.file].error and entry.file not in dropped]
    if listing.embedding_type == "event":
        findings += [finding for entry in entries for finding in event_findings(entry, clips[entry.file])]
        entries = [as_written(entry, clips[entry.file]) for entry in entries]
        outside = [finding for finding in findings if finding.kind in ("late_events", "lost_events")]
        if outside and not any(entry.events for entry in entries):
            raise ValueError(f"{listing.path}: {outside[0].text}; no event is left (is --unit right?)")
    findings += checks.sound_findings(checks.twins(entries, clips))
    dropped = _files(findings, options.drop)
    entries = [entry for entry in entries if entry.file not in dropped]
    if not entries:
        raise ValueError(f"{listing.path}: {findings[0].text}; no file is left of {len(listing.entries)}")
    return entries, findings


def _value_findings(
    listing: Listing, labels: Sequence[str], splits: Sequence[str], entries: Sequence[Entry], counts: np.ndarray
) -> list[Finding]:
    """The findings on labels, or on targets."""
    if listing.is_regression:
        return target_findings(entries, splits)
    files = Counter(entry.split for entry in entries)
    several = listing.embedding_type == "scene" and listing.prediction_type == "multilabel"
    return checks.label_findings(labels, splits, counts, [files[split] for split in splits], several)


def _files(findings: Sequence[Finding], kinds: Sequence[str]) -> set[str]:
    """The files of the findings of some kinds."""
    return {file for finding in findings if finding.kind in kinds for file in finding.files}


def _stopping(findings: Sequence[Finding], options: Options) -> tuple[Finding, ...]:
    accepted = {*options.allow, *options.drop}
    return tuple(finding for finding in findings if KINDS[finding.kind].stops and finding.kind not in accepted)
