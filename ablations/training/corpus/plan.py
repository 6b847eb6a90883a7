"""What happens in a clip, decided before any sample is computed: events, their sounds, their places, their labels."""

from dataclasses import dataclass, replace
from itertools import accumulate

from ablations.training.corpus.items import Item, sounding
from ablations.training.corpus.kinds.kind import Kind, Pattern
from ablations.training.corpus.kinds.table import KINDS, rate_of
from ablations.training.corpus.synthesis.randomness import key, uniform, whole

EVENTS = (0.18, 0.27, 0.25, 0.18, 0.12)  # shares of clips with one event, two, ... five
LONGEST = 10.2  # s of one sound
LEVELS = {False: (-14.0, 0.0), True: (-20.0, -6.0)}  # dB of events, and of textures
STILL = 0.8  # s from which on a sound may fade or tremble
DYNAMICS = {"tremolo": 0.12, "fade in": 0.24, "fade out": 0.36}  # cumulative shares of sustained events
_COUNTS = tuple(accumulate(EVENTS))
_WEIGHTS = tuple(accumulate(kind.weight for kind in KINDS))


@dataclass(frozen=True)
class Placement:
    """An item in a clip: where it starts, in s, and its gain."""

    item: int
    clip: int
    start: float
    gain: float


@dataclass(frozen=True)
class Plan:
    """Some clips: `keys` and `labels` are theirs, in order; `sounding` are the labels of each item by itself."""

    keys: tuple[int, ...]
    items: tuple[Item, ...]
    sounding: tuple[frozenset[str], ...]
    placements: tuple[Placement, ...]
    labels: tuple[frozenset[str], ...]


def plan(seed: int, numbers: range, seconds: float) -> Plan:
    """The clips of these numbers; each is what it is in any other plan."""
    keys = [key(seed, number) for number in numbers]
    clips = []
    for own in keys:
        count = _drawn(uniform(own, "events"), _COUNTS) + 1
        events = [key(own, number) for number in range(count)]
        clips.append([(_drawn(uniform(event, "kind"), _WEIGHTS), event) for event in events])
    planned = _planned(keys, clips, seconds)
    labels = []
    for own, events, names in zip(keys, clips, planned.labels, strict=True):
        room, _ = room_of(own)
        heard = room and not all(KINDS[which].texture for which, _ in events)
        labels.append(names | {f"room: {room}"} if heard else names)
    return replace(planned, labels=tuple(labels))


def alone(which: int, seed: int, numbers: range, seconds: float) -> Plan:
    """Clips with one event each, of one kind: KINDS[which]; without labels of rooms."""
    keys = [key(seed, number) for number in numbers]
    return _planned(keys, [[(which, key(own, 0))] for own in keys], seconds)


def _planned(keys: list[int], clips: list[list[tuple[int, int]]], seconds: float) -> Plan:
    """Clips whose events (kind, key) are given."""
    items: list[Item] = []
    placements: list[Placement] = []
    labels: list[set[str]] = [set() for _ in keys]
    homes: list[int] = []  # the clip of each item
    for clip, events in enumerate(clips):
        for which, event in events:
            sounds, places, names = _event(which, event, seconds)
            placements += [replace(place, item=place.item + len(items), clip=clip) for place in places]
            items += sounds
            homes += [clip] * len(sounds)
            labels[clip] |= names
    own = tuple(sounding(items))
    for clip, names in zip(homes, own, strict=True):
        labels[clip] |= names
    return Plan(tuple(keys), tuple(items), own, tuple(placements), tuple(map(frozenset, labels)))


def room_of(clip: int) -> tuple[str, float]:
    """The label of a clip's room and its reverberation time in s: 0 where there is none, no label in between."""
    place, size = uniform(clip, "room"), uniform(clip, "reverberation")
    for name, end, low, high in (("dry", 0.36, 0, 0), ("small", 0.6, 0.15, 0.35), ("", 0.76, 0.45, 0.8)):
        if place < end:
            return name, low + (high - low) * size
    return "large", 1.1 + 1.4 * size


def _event(which: int, event: int, clip_seconds: float) -> tuple[list[Item], list[Placement], set[str]]:
    """Its items, their placements (counted from 0) and the labels that no item has by itself."""
    kind = KINDS[which]
    low, high = kind.seconds
    seconds = min(low * (high / low) ** uniform(event, "seconds"), clip_seconds, LONGEST)
    interval, starts = _starts(kind.pattern, event, seconds, clip_seconds)
    notes, shape = _notes(kind, event, len(starts))
    names = {f"melody: {shape}"} if shape else set()
    variants = 1 if kind.pattern is None else kind.pattern.variants or len(starts)
    count = min(variants, len(starts))
    dynamics = None
    if kind.sustained and seconds >= STILL:
        dynamics = next((name for name, end in DYNAMICS.items() if uniform(event, "dynamics") < end), None)
        names |= {f"dynamics: {dynamics}"} if dynamics else set()
    items = [
        Item(which, event, key(event, i), notes[i], seconds, i / max(count - 1, 1), dynamics) for i in range(count)
    ]
    if len(starts) >= 3 and not (kind.pattern and kind.pattern.melody):
        names.add(f"rate: {rate_of(1 / interval)}")
    quiet, loud = LEVELS[kind.texture]
    level = quiet + (loud - quiet) * uniform(event, "level")
    placements = [
        Placement(i % count, 0, start, 10 ** ((level - 3 * uniform(key(event, i), "hit")) / 20))
        for i, start in enumerate(starts)
    ]
    return items, placements, names


def _starts(pattern: Pattern | None, event: int, seconds: float, clip_seconds: float) -> tuple[float, list[float]]:
    """The time between sounds, and when each starts, so that the last one ends within the clip."""
    interval, times = 1.0, [0.0]
    if pattern is not None and uniform(event, "again") < pattern.chance:
        low, high = pattern.interval
        interval = low * (high / low) ** uniform(event, "interval")
        fewest, most = pattern.count
        count = fewest + whole(event, "count", most - fewest + 1)
        room = (clip_seconds - seconds) / interval - pattern.beat[-1] - pattern.jitter
        count = max(1, min(count, int(room) + 1)) if room >= 0 else 1
        if count > 1:
            times = [
                interval * (i + beat + pattern.jitter * uniform(key(event, i), "jitter"))
                for i in range(count)
                for beat in pattern.beat
            ]
    onset = uniform(event, "onset") * max(0.0, clip_seconds - seconds - times[-1])
    return interval, [onset + time for time in sorted(times)]


def _notes(kind: Kind, event: int, count: int) -> tuple[list[float], str]:
    """The MIDI note of each sound, within 20 cents of a note, and the melody's shape."""
    if kind.notes is None:
        return [69.0] * count, ""
    low, high = kind.notes
    shape, steps = "", [0] * count
    if kind.pattern is not None and kind.pattern.melody and count >= 3:
        shape = ("rising", "falling", "mixed", "repeated")[whole(event, "shape", 4)]
        sign = {"rising": 1, "falling": -1, "mixed": 0, "repeated": 0}[shape]
        jumps = [1 + whole(key(event, i), "jump", 4) for i in range(count - 1)]
        if shape == "mixed":
            jumps = [jump * (1 if i % 2 else -1) for i, jump in enumerate(jumps)]
        else:
            jumps = [jump * sign for jump in jumps]
        steps = [0, *accumulate(jumps)]
    first = low - min(steps) + whole(event, "note", max(1, high - low - (max(steps) - min(steps)) + 1))
    detuning = 0.4 * (uniform(event, "detuning") - 0.5)
    return [first + step + detuning for step in steps], shape


def _drawn(place: float, ends: tuple[float, ...]) -> int:
    """The first of rising ends that lies above this share of the last."""
    return next((i for i, end in enumerate(ends) if place * ends[-1] < end), len(ends) - 1)
