"""Plans of clips: events, their sounds, their places and their labels.

A plan is made before any sample is computed.
"""

from dataclasses import dataclass, replace
from itertools import accumulate

from ablations.training.corpus.items import Item, sounding
from ablations.training.corpus.kinds.kind import Kind, Pattern
from ablations.training.corpus.synthesis.randomness import key, uniform, whole
from ablations.training.corpus.vocabulary import DYNAMICS, KINDS, MELODIES, ROOMS, rate_of

EVENTS = (0.18, 0.27, 0.25, 0.18, 0.12)  # shares of clips with one event, two, ... five
LONGEST = 10.2  # s, of the longest sound
LEVELS = {False: (-14.0, 0.0), True: (-20.0, -6.0)}  # range of levels in dB: of textures (True) and of all others
LEAST_DYNAMIC = 0.8  # s, of the shortest sound that may fade or tremble
_COUNTS = tuple(accumulate(EVENTS))
_WEIGHTS = tuple(accumulate(kind.weight for kind in KINDS))


@dataclass(frozen=True)
class Placement:
    """A place of an item in a clip.

    Attributes:
        item: index of the item in the plan.
        clip: index of the clip in the plan.
        start: start in s.
        gain: factor of the amplitude.
    """

    item: int
    clip: int
    start: float
    gain: float


@dataclass(frozen=True)
class Plan:
    """A plan of several clips.

    Attributes:
        keys: key of each clip.
        items: the sounds of all clips.
        sounding: labels of each item alone.
        placements: where the items are placed in the clips.
        labels: labels of each clip.
    """

    keys: tuple[int, ...]
    items: tuple[Item, ...]
    sounding: tuple[frozenset[str], ...]
    placements: tuple[Placement, ...]
    labels: tuple[frozenset[str], ...]


def plan(seed: int, numbers: range, seconds: float) -> Plan:
    """Plan clips by their numbers. A clip is the same in every plan.

    Args:
        seed: seed of the corpus.
        numbers: numbers of the clips.
        seconds: length of a clip in s.
    """
    keys = [key(seed, number) for number in numbers]
    clips = []
    for clip in keys:
        count = _drawn(uniform(clip, "events"), _COUNTS) + 1
        events = [key(clip, number) for number in range(count)]
        clips.append([(_drawn(uniform(event, "kind"), _WEIGHTS), event) for event in events])
    planned = _planned(keys, clips, seconds)
    labels = []
    for clip, kinds, names in zip(keys, clips, planned.labels, strict=True):
        room, _ = room_of(clip)
        is_audible = room and not all(KINDS[kind].texture for kind, _ in kinds)
        labels.append(names | {f"room: {room}"} if is_audible else names)
    return replace(planned, labels=tuple(labels))


def alone(kind: int, seed: int, numbers: range, seconds: float) -> Plan:
    """Plan clips with a single event of the kind KINDS[kind], without labels of rooms; see `plan`."""
    keys = [key(seed, number) for number in numbers]
    return _planned(keys, [[(kind, key(clip, 0))] for clip in keys], seconds)


def _planned(keys: list[int], clips: list[list[tuple[int, int]]], seconds: float) -> Plan:
    """Plan clips from the (kind, key) pairs of their events."""
    items: list[Item] = []
    placements: list[Placement] = []
    labels: list[set[str]] = [set() for _ in keys]
    homes: list[int] = []  # the clip of each item
    for clip, events in enumerate(clips):
        for kind, event in events:
            sounds, places, names = _event(kind, event, seconds)
            placements += [replace(place, item=place.item + len(items), clip=clip) for place in places]
            items += sounds
            homes += [clip] * len(sounds)
            labels[clip] |= names
    item_labels = tuple(sounding(items))
    for clip, item_names in zip(homes, item_labels, strict=True):
        labels[clip] |= item_names
    return Plan(tuple(keys), tuple(items), item_labels, tuple(placements), tuple(map(frozenset, labels)))


def room_of(clip: int) -> tuple[str, float]:
    """Draw a clip's room from the clip's key.

    Returns:
        The label of the room ("" for medium rooms, which have no label), and its reverberation time in s (0 for none).
    """
    place, size = uniform(clip, "room"), uniform(clip, "reverberation")
    name, _, low, high = next(room for room in ROOMS if place < room[1])
    return name, low + (high - low) * size


def _event(index: int, event: int, clip_seconds: float) -> tuple[list[Item], list[Placement], set[str]]:
    """Plan an event of the kind KINDS[index].

    Returns:
        Its items, their placements (items counted from 0), and the labels that no item has alone.
    """
    kind = KINDS[index]
    low, high = kind.seconds
    seconds = min(low * (high / low) ** uniform(event, "seconds"), clip_seconds, LONGEST)
    interval, starts = _starts(kind.pattern, event, seconds, clip_seconds)
    notes, shape = _notes(kind, event, len(starts))
    names = {f"melody: {shape}"} if shape else set()
    variants = 1 if kind.pattern is None else kind.pattern.variants or len(starts)
    count = min(variants, len(starts))
    dynamics = None
    if kind.sustained and seconds >= LEAST_DYNAMIC:
        dynamics = next((name for name, end in DYNAMICS.items() if uniform(event, "dynamics") < end), None)
        names |= {f"dynamics: {dynamics}"} if dynamics else set()
    items = [
        Item(index, event, key(event, i), notes[i], seconds, i / max(count - 1, 1), dynamics) for i in range(count)
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
    """Draw the time between the sounds of an event, and their starts in s.

    The last sound ends within the clip.
    """
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
    """Draw the MIDI notes of an event's sounds, and the shape of the melody.

    A note is within 20 cents of a whole MIDI note.
    """
    if kind.notes is None:
        return [69.0] * count, ""
    low, high = kind.notes
    shape, steps = "", [0] * count
    if kind.pattern is not None and kind.pattern.melody and count >= 3:
        shape, sign = MELODIES[whole(event, "shape", len(MELODIES))]
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
    """Find the first of rising bounds that is above `place`, a share of the last bound, 0 to 1."""
    return next((i for i, end in enumerate(ends) if place * ends[-1] < end), len(ends) - 1)
