"""Soundscapes: sounds of ESC-10 over backgrounds of ESC-10, scored as DCASE 2016.

A fold of ESC-10 is in one split. Soundscapes that share a recording are in one group, and so are chains of such
soundscapes: of the recordings of one fold, most are in one chain. A part whose soundscapes are apart has no chains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ablations.tasks.examples.clips import Clips
from ablations.tasks.prepare.folds import joined_groups

SOUNDS: Mapping[str, str] = {
    "Dog bark": "dog",
    "Baby cry": "cry",
    "Person sneeze": "sneeze",
    "Rooster": "rooster",
}
BACKGROUNDS = ("Rain", "Sea waves", "Fire crackling")
RATE = 32000  # Hz


@dataclass(frozen=True)
class Part:
    """Soundscapes of one split.

    Attributes:
        split: of all of them.
        folds: of ESC-10, as in "45"; their clips are what the soundscapes are made of.
        number: how many.
        apart: whether no two share a recording, each with events of two or three recordings.
    """

    split: str
    folds: str
    number: int
    apart: bool = False

    @property
    def place(self) -> str:
        """The folds as a message names them."""
        return f"fold{'s' if len(self.folds) > 1 else ''} {' and '.join(self.folds)} of ESC-10"


SMALL = (
    Part("train", "1", 7),
    Part("train", "2", 7),
    Part("train", "3", 7),
    Part("valid", "4", 7),
    Part("test", "5", 12),
)
APART = (Part("train", "1", 10), Part("train", "2", 10), Part("valid", "3", 7), Part("test", "45", 20, apart=True))
"""Twenty independent soundscapes to test on."""
SECONDS = 10
FRAME_MS, JOINED_MS = 10, 150
THRESHOLD_DB = -25.0  # level, relative to the loudest frame, above which a frame sounds
LENGTH_MS = (150, 2000)
PAUSE_MS, FIRST_MS = (200.0, 1200.0), (100.0, 800.0)
ABOVE_DB = (3.0, 15.0)  # level of an event, relative to the background
FADE_MS, BACKGROUND_RMS, PEAK = 10, 0.03, 0.9

Sound = tuple[str, str, str, np.ndarray]
"""Label in ESC-10, fold, recording, and (samples,) at RATE."""
Excerpt = tuple[str, np.ndarray]
"""A recording, and (samples,) of it at RATE."""
Excerpts = Mapping[str, Sequence[Excerpt]]
"""Label -> excerpts of its recordings."""


def soundscapes(clips: Clips, sounds: Sequence[Sound], seed: int, parts: Sequence[Part] = SMALL) -> None:
    """Make events of four labels, one after another, over rain, waves or fire.

    Args:
        clips: where the soundscapes go.
        sounds: clips of ESC-10.
        seed: seed of everything that is drawn.
        parts: the soundscapes to make.

    Raises:
        ValueError: a part lacks clips of a label, or of all backgrounds.
    """
    for part in parts:
        beds, excerpts = _material(part, sounds)
        streams = [np.random.default_rng((seed, int(part.folds), number)) for number in range(part.number)]
        materials = _dealt(part, beds, excerpts, seed) if part.apart else [(beds, excerpts)] * part.number
        mixed = [_mixed(rng, *material) for rng, material in zip(streams, materials, strict=True)]
        groups = joined_groups([recordings for _, _, recordings in mixed])
        for number, ((sound, events, _), group) in enumerate(zip(mixed, groups.tolist(), strict=True)):
            row = {"split": part.split, "group": f"{part.folds}_{group}"}
            clips.add(f"{part.folds}_{number:02}.flac", sound, RATE, row, events)


def active(sound: np.ndarray, rate: int) -> list[tuple[int, int]]:
    """Find where something sounds.

    A part has frames within 25 dB of the loudest, and pauses of up to 150 ms.

    Args:
        sound: (samples,).
        rate: its sample rate in Hz.

    Returns:
        [start, end) of each part, in samples.
    """
    size = FRAME_MS * rate // 1000
    power = (sound[: len(sound) // size * size].reshape(-1, size).astype(np.float64) ** 2).mean(axis=1)
    on = np.flatnonzero(power > power.max(initial=0) * 10 ** (THRESHOLD_DB / 10))
    if not len(on):
        return []
    breaks = np.flatnonzero(np.diff(on) > JOINED_MS // FRAME_MS)
    starts, ends = on[[0, *(breaks + 1)]], on[[*breaks, -1]] + 1
    return [(int(start) * size, int(end) * size) for start, end in zip(starts, ends, strict=True)]


def _material(part: Part, sounds: Sequence[Sound]) -> tuple[list[Excerpt], Excerpts]:
    """The backgrounds and the excerpts that a part is made of."""
    chosen = [sound for sound in sounds if sound[1] in part.folds]
    beds = [(recording, sound) for label, _, recording, sound in chosen if label in BACKGROUNDS]
    excerpts = {label: _excerpts(chosen, name) for name, label in SOUNDS.items()}
    if not beds or not all(excerpts.values()):
        needed = ", ".join([*SOUNDS, BACKGROUNDS[0]])
        raise ValueError(f"{part.place} must have clips of {needed}")
    return beds, excerpts


def _dealt(part: Part, beds: Sequence[Excerpt], excerpts: Excerpts, seed: int) -> list[tuple[list[Excerpt], Excerpts]]:
    """Deal recordings to soundscapes, each to one: a background, and events of two labels or more."""
    rng = np.random.default_rng((seed, int(part.folds)))
    names = {label: _shuffled(rng, [name for name, _ in of])[: part.number] for label, of in excerpts.items()}
    cards = [(label, name) for label, of in names.items() for name in of]  # of a label at most one to a soundscape
    backgrounds = _shuffled(rng, [name for name, _ in beds])
    if min(len(cards) // 2, len(backgrounds)) < part.number:
        raise ValueError(
            f"{part.place} must have {part.number} recordings of backgrounds and"
            f" {2 * part.number} of events, for {part.number} soundscapes that share none"
        )
    hands = [cards[place :: part.number] for place in range(part.number)]
    return [
        (
            [bed for bed in beds if bed[0] == background],
            {label: [excerpt for excerpt in excerpts[label] if excerpt[0] == name] for label, name in hand},
        )
        for background, hand in zip(backgrounds, hands, strict=False)
    ]


def _shuffled(rng: np.random.Generator, names: Sequence[str]) -> list[str]:
    """Each name once, in an order that is drawn."""
    return [str(name) for name in rng.permutation(sorted(set(names)))]


def _excerpts(sounds: Sequence[Sound], name: str) -> list[Excerpt]:
    """The parts of a label's recordings that sound and have the length of an event."""
    shortest, longest = (length * RATE // 1000 for length in LENGTH_MS)
    runs = [
        (recording, sound, run) for label, _, recording, sound in sounds if label == name for run in active(sound, RATE)
    ]
    return [
        (recording, _faded(sound[start:end]))
        for recording, sound, (start, end) in runs
        if shortest <= end - start <= longest
    ]


def _faded(sound: np.ndarray, fade_ms: int = FADE_MS) -> np.ndarray:
    fade = np.linspace(0, 1, fade_ms * RATE // 1000, dtype=np.float32)
    faded = sound.copy()
    faded[: len(fade)] *= fade
    faded[-len(fade) :] *= fade[::-1]
    return faded


def _mixed(
    rng: np.random.Generator, beds: Sequence[Excerpt], excerpts: Excerpts
) -> tuple[np.ndarray, list[dict[str, Any]], list[str]]:
    """A soundscape at RATE, its events in ms, and the recordings that it is made of."""
    recording, bed = beds[int(rng.integers(len(beds)))]
    mixed, recordings = _bed(bed), [recording]
    events: list[dict[str, Any]] = []
    at = rng.uniform(*FIRST_MS)
    while True:
        label = str(rng.choice(list(excerpts)))
        recording, event = excerpts[label][int(rng.integers(len(excerpts[label])))]
        start = int(at) * RATE // 1000
        if start + len(event) > len(mixed):
            break
        level = BACKGROUND_RMS * 10 ** (rng.uniform(*ABOVE_DB) / 20) / np.sqrt(np.mean(event**2))
        mixed[start : start + len(event)] += level * event
        end = int(at) + 1000 * len(event) / RATE
        events.append({"label": label, "start": int(at), "end": end})
        recordings.append(recording)
        at = end + rng.uniform(*PAUSE_MS)
    return mixed * min(1.0, PEAK / np.abs(mixed).max()), events, recordings


def _bed(sound: np.ndarray) -> np.ndarray:
    """Repeat a background until it is as long as a soundscape, faded at each repetition."""
    level = np.sqrt(np.mean(sound**2))
    once = _faded(sound) * (BACKGROUND_RMS / level if level else 0)
    return np.resize(once, SECONDS * RATE).astype(np.float32)
