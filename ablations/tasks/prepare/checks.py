"""What can be wrong with a list and its clips; some findings stop a task."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations.tasks.prepare.clips import Clip, likeness, near
from ablations.tasks.prepare.listing import Entry, Listing

SILENT_PEAK = 1e-4  # -80 dB of full scale, 3 steps of 16-bit PCM
STEP_MS = 50.0  # of timestamp embeddings
CLIPPED_SHARE = 1e-3
LENGTH_TOLERANCE_S = 1e-3
LATE_MS = 100.0  # how far annotations may outlast a clip; they are cut


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        description: what the findings of this kind are.
        stops: no task is made unless the user allows it.
        of_files: the files concerned can be left out instead.
    """

    description: str
    stops: bool = False
    of_files: bool = False


KINDS: Mapping[str, Kind] = {
    "unreadable": Kind("files that are absent, no audio, cut short or not in [-1, 1]", stops=True, of_files=True),
    "leaks": Kind("one sound or one group in several splits", stops=True),
    "late_events": Kind("events that end after their clip, which are cut", stops=True),
    "lengths": Kind("clips of another length than asked for", stops=True, of_files=True),
    "duplicates": Kind("one sound under several names", of_files=True),
    "conflicts": Kind("one sound with different labels or targets"),
    "silent": Kind(f"clips without a sample above {SILENT_PEAK:g}", of_files=True),
    "short": Kind(f"clips of less than {STEP_MS:g} ms", of_files=True),
    "clipped": Kind(f"clips with {CLIPPED_SHARE:.1%} of their samples at full scale", of_files=True),
    "one_split": Kind("labels of one split alone, which are never both trained and tested"),
    "absent_labels": Kind("labels that a split lacks"),
    "no_labels": Kind("splits without any label, where scores such as mAP and F are not defined"),
    "one_target": Kind("splits whose targets are all the same, where r2 and pearson are not defined"),
    "everywhere": Kind("labels of all files of a split, where aucroc is not defined"),
    "alike": Kind("labels or groups that differ in case, spaces, accents' form or zeros in front alone"),
    "double_events": Kind("events given twice, which are written once"),
    "lost_events": Kind("events that begin where their clip has ended, which are left out"),
    "unlabeled_events": Kind(f"events between the timestamps of {STEP_MS:g} ms steps: no probe is trained on them"),
    "kit_labels": Kind("labels that hear-eval-kit, which reads them by pandas, takes for others"),
}
ALLOWABLE = tuple(name for name, kind in KINDS.items() if kind.stops and name != "unreadable")
DROPPABLE = tuple(name for name, kind in KINDS.items() if kind.of_files)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a list or a clip.

    Attributes:
        kind: a key of `KINDS`.
        text: one line that names the place.
        files: the files to leave out, if the kind allows it.
    """

    kind: str
    text: str
    files: tuple[str, ...] = ()


def clip_findings(listing: Listing, clips: Sequence[Clip], seconds: float | None) -> list[Finding]:
    """Check every clip by itself.

    Args:
        listing: the list.
        clips: the decoded clips of its entries, in their order.
        seconds: length that every clip should have; None for any.
    """
    findings = []
    for entry, clip in zip(listing.entries, clips, strict=True):
        place = entry.place
        if clip.error:
            findings.append(Finding("unreadable", f"{place}: {_error(clip)}", (entry.file,)))
            continue
        clipped = clip.clipped >= CLIPPED_SHARE
        faults = {
            "silent": (clip.peak < SILENT_PEAK, f"largest sample {clip.peak:.2g}"),
            "short": (1000 * clip.seconds < STEP_MS, f"{1000 * clip.seconds:.4g} ms"),
            "clipped": (clipped, f"{clip.clipped:.2%} of the samples at full scale"),
            "lengths": (
                seconds is not None and abs(clip.seconds - seconds) > LENGTH_TOLERANCE_S,
                f"{clip.seconds:.4g} s, expected {seconds} s",
            ),
        }
        findings += [
            Finding(kind, f"{place}: {text}", (entry.file,)) for kind, (is_so, text) in faults.items() if is_so
        ]
        last = max(entry.events, key=lambda event: event.end, default=None)
        if last is not None and last.end > 1000 * clip.seconds + LATE_MS:
            text = f"{last.label} ends at {last.end:g} ms, but the clip at {1000 * clip.seconds:.6g} ms"
            findings.append(Finding("late_events", f"{place}: {text}"))
    return findings


def twins(entries: Sequence[Entry], clips: Mapping[str, Clip]) -> list[list[Entry]]:
    """Group entries whose clips have the same sound, in sets of two or more.

    Clips of zeros alone are left out.
    """
    by_sound = defaultdict(list)
    for entry in entries:
        by_sound[clips[entry.file].digest].append(entry)
    return [twins for digest, twins in by_sound.items() if digest and len(twins) > 1]


def sound_findings(sets: Sequence[Sequence[Entry]]) -> list[Finding]:
    """Report clips of the same sound, and those of them that differ in their labels or targets.

    All but the first of them can be left out.

    Args:
        sets: entries of the same sound, as of `twins`.
    """
    findings = []
    for first, *others in sets:
        same = ", ".join(f"{other.file} (line {other.line})" for other in others)
        files = tuple(other.file for other in others)
        findings.append(Finding("duplicates", f"{first.place}: sounds as {same}", files))
        for other in others:
            if _content(other) != _content(first):
                text = f"{_labels(first)}, but {other.file} (line {other.line}) with the same sound: {_labels(other)}"
                findings.append(Finding("conflicts", f"{first.place}: {text}"))
    return findings


def leak_findings(entries: Sequence[Entry], sets: Sequence[Sequence[Entry]]) -> list[Finding]:
    """Report sounds and groups that are in several splits.

    Args:
        entries: the files with their splits.
        sets: entries of the same sound, as of `twins`.
    """
    groups = defaultdict(list)
    for entry in entries:
        if entry.group is not None:
            groups[entry.group].append(entry)
    named = [(f"group {name!r}", members) for name, members in groups.items()]
    findings = []
    for name, members in [*(("the same sound", members) for members in sets), *named]:
        firsts = {entry.split: entry for entry in reversed(members)}
        if len(firsts) > 1:
            first, other = sorted(firsts.values(), key=lambda entry: entry.line)[:2]
            text = f"{name} is in {first.split} and, by {other.file} (line {other.line}), in {other.split}"
            findings.append(Finding("leaks", f"{first.place}: {text}"))
    return findings


def label_findings(
    labels: Sequence[str], splits: Sequence[str], counts: np.ndarray, files: Sequence[int], several: bool
) -> list[Finding]:
    """Report labels that are in too few or in all files, and splits without any label.

    Args:
        labels: the vocabulary.
        splits: the names of the splits.
        counts: (labels, splits) number of files that have the label.
        files: (splits,) number of files.
        several: whether a scene has any number of labels, so that a label may be on every file.
    """
    findings = []
    for label, row in zip(labels, counts, strict=True):
        present = [split for split, count in zip(splits, row, strict=True) if count]
        if len(present) == 1:
            findings.append(Finding("one_split", f"label {label!r} is in {present[0]} alone"))
        elif len(present) < len(splits):
            absent = ", ".join(split for split in splits if split not in present)
            findings.append(Finding("absent_labels", f"label {label!r} is not in {absent}"))
        everywhere = [split for split, count, all_ in zip(splits, row, files, strict=True) if count == all_]
        if everywhere and several:
            findings.append(Finding("everywhere", f"label {label!r} is on every file of {', '.join(everywhere)}"))
    empty = [split for split, count in zip(splits, counts.sum(axis=0), strict=True) if not count]
    return findings + [Finding("no_labels", f"no file of {split} has a label") for split in empty]


def alike_findings(noun: str, names: Iterable[str]) -> list[Finding]:
    """Report names that people take for the same and a computer does not.

    Args:
        noun: what the names are of: label or group.
        names: the names, any number of times.
    """
    sets = defaultdict(list)
    for name in dict.fromkeys(names):
        sets[likeness(name)].append(name)
    alike = [" and ".join(map(repr, sorted(members))) for members in sets.values() if len(members) > 1]
    return [Finding("alike", f"{noun}s {text} are taken for different ones") for text in alike]


def _content(entry: Entry) -> tuple[set[str], list[str], float | None]:
    """The labels, events and target of an entry, in an order that does not depend on the list."""
    return set(entry.labels), sorted(map(str, entry.events)), entry.target


def _error(clip: Clip) -> str:
    if not clip.error.endswith("no such file"):
        return clip.error
    likely = near(clip.path)
    return f"{clip.error} in {clip.path.parent}" + (f" (did you mean {likely}?)" if likely else "")


def _labels(entry: Entry) -> str:
    return ", ".join(entry.labels) or ("no label" if entry.target is None else f"{entry.target:g}")
