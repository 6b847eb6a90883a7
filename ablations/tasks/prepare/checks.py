"""What can be wrong with a list and its clips: findings, each of a kind that stops the task or is reported."""

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
LATE_MS = 100.0  # by which annotations may outlast a clip; they are cut


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        stops: no task is made unless this is allowed.
        of_files: the files found can be left out instead.
    """

    what: str
    stops: bool = False
    of_files: bool = False


KINDS: Mapping[str, Kind] = {
    "unreadable": Kind("files that are absent, no audio, cut short or not in [-1, 1]", stops=True, of_files=True),
    "leaks": Kind("one sound or one group in several splits", stops=True),
    "late_events": Kind("events that end after their clip, which are cut", stops=True),
    "lengths": Kind("clips of another length than asked for", stops=True, of_files=True),
    "duplicates": Kind("one sound under several names", of_files=True),
    "conflicts": Kind("one sound with different labels"),
    "silent": Kind(f"clips without a sample above {SILENT_PEAK:g}", of_files=True),
    "short": Kind(f"clips of less than {STEP_MS:g} ms", of_files=True),
    "clipped": Kind(f"clips with {CLIPPED_SHARE:.1%} of their samples at full scale", of_files=True),
    "one_split": Kind("labels of one split alone, which are never both trained and tested"),
    "absent_labels": Kind("labels that a split lacks"),
    "no_labels": Kind("splits without any label, where scores such as mAP and F are not defined"),
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
    """Something found: `files` are those to leave out, where the kind allows it; `text` is one line."""

    kind: str
    text: str
    files: tuple[str, ...] = ()


def clip_findings(listing: Listing, clips: Sequence[Clip], seconds: float | None) -> list[Finding]:
    """What a clip shows by itself.

    Args:
        clips: of the listing's entries, in their order.
        seconds: the length that every clip should have; None for any.
    """
    found = []
    for entry, clip in zip(listing.entries, clips, strict=True):
        place = entry.place
        if clip.error:
            found.append(Finding("unreadable", f"{place}: {_why(clip)}", (entry.file,)))
            continue
        clipped = clip.clipped >= CLIPPED_SHARE
        shown = {
            "silent": (clip.peak < SILENT_PEAK, f"largest sample {clip.peak:.2g}"),
            "short": (1000 * clip.seconds < STEP_MS, f"{1000 * clip.seconds:.4g} ms"),
            "clipped": (clipped, f"{clip.clipped:.2%} of the samples at full scale"),
            "lengths": (
                seconds is not None and abs(clip.seconds - seconds) > LENGTH_TOLERANCE_S,
                f"{clip.seconds:.4g} s, expected {seconds} s",
            ),
        }
        found += [Finding(kind, f"{place}: {text}", (entry.file,)) for kind, (there, text) in shown.items() if there]
        last = max(entry.events, key=lambda event: event.end, default=None)
        if last is not None and last.end > 1000 * clip.seconds + LATE_MS:
            text = f"{last.label} ends at {last.end:g} ms, but the clip at {1000 * clip.seconds:.6g} ms"
            found.append(Finding("late_events", f"{place}: {text}"))
    return found


def twins(entries: Sequence[Entry], clips: Mapping[str, Clip]) -> list[list[Entry]]:
    """Entries whose clips have the same sound, in sets of two and more; zeros alone are nobody's twin."""
    by_sound = defaultdict(list)
    for entry in entries:
        by_sound[clips[entry.file].digest].append(entry)
    return [found for digest, found in by_sound.items() if digest and len(found) > 1]


def sound_findings(sets: Sequence[Sequence[Entry]]) -> list[Finding]:
    """Duplicates, of which all but the first can be left out, and those that are labelled differently."""
    found = []
    for first, *others in sets:
        same = ", ".join(f"{other.file} (line {other.line})" for other in others)
        found.append(Finding("duplicates", f"{first.place}: sounds as {same}", tuple(o.file for o in others)))
        for other in others:
            if (set(other.labels), sorted(map(str, other.events))) != (
                set(first.labels),
                sorted(map(str, first.events)),
            ):
                text = f"{_labels(first)}, but {other.file} (line {other.line}) with the same sound: {_labels(other)}"
                found.append(Finding("conflicts", f"{first.place}: {text}"))
    return found


def leak_findings(entries: Sequence[Entry], sets: Sequence[Sequence[Entry]]) -> list[Finding]:
    """Sounds and groups that are in several splits."""
    groups = defaultdict(list)
    for entry in entries:
        if entry.group is not None:
            groups[entry.group].append(entry)
    named = [(f"group {name!r}", members) for name, members in groups.items()]
    found = []
    for what, members in [*(("the same sound", members) for members in sets), *named]:
        firsts = {entry.split: entry for entry in reversed(members)}
        if len(firsts) > 1:
            first, other = sorted(firsts.values(), key=lambda entry: entry.line)[:2]
            text = f"{what} is in {first.split} and, by {other.file} (line {other.line}), in {other.split}"
            found.append(Finding("leaks", f"{first.place}: {text}"))
    return found


def label_findings(
    labels: Sequence[str], splits: Sequence[str], counts: np.ndarray, files: Sequence[int], several: bool
) -> list[Finding]:
    """Labels that not all splits have, and splits that have none or nothing else.

    Args:
        counts: (labels, splits) files with that label.
        files: (splits,) all files.
        several: whether scenes have any number of labels, so that one may be on all of them.
    """
    found = []
    for label, row in zip(labels, counts, strict=True):
        there = [split for split, count in zip(splits, row, strict=True) if count]
        if len(there) == 1:
            found.append(Finding("one_split", f"label {label!r} is in {there[0]} alone"))
        elif len(there) < len(splits):
            absent = ", ".join(split for split in splits if split not in there)
            found.append(Finding("absent_labels", f"label {label!r} is not in {absent}"))
        everywhere = [split for split, count, all_ in zip(splits, row, files, strict=True) if count == all_]
        if everywhere and several:
            found.append(Finding("everywhere", f"label {label!r} is on every file of {', '.join(everywhere)}"))
    empty = [split for split, count in zip(splits, counts.sum(axis=0), strict=True) if not count]
    return found + [Finding("no_labels", f"no file of {split} has a label") for split in empty]


def alike_findings(what: str, names: Iterable[str]) -> list[Finding]:
    """Names that people take for the same, and a computer does not.

    Args:
        what: is named: label or group.
    """
    sets = defaultdict(list)
    for name in dict.fromkeys(names):
        sets[likeness(name)].append(name)
    alike = [" and ".join(map(repr, sorted(members))) for members in sets.values() if len(members) > 1]
    return [Finding("alike", f"{what}s {text} are taken for different ones") for text in alike]


def _why(clip: Clip) -> str:
    if not clip.error.endswith("no such file"):
        return clip.error
    meant = near(clip.path)
    return f"{clip.error} in {clip.path.parent}" + (f" (did you mean {meant}?)" if meant else "")


def _labels(entry: Entry) -> str:
    return ", ".join(entry.labels) or "no label"
