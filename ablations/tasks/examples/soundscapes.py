"""Soundscapes: sounds of ESC-10 over backgrounds of ESC-10, scored as DCASE 2016.

A soundscape is made of clips of one of ESC-10's folds, and a fold is in one split. Soundscapes that share a recording
are in one group, and so are chains of such soundscapes.
"""

from collections.abc import Mapping, Sequence
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
FOLDS: Mapping[str, tuple[str, int]] = {
    "1": ("train", 7),
    "2": ("train", 7),
    "3": ("train", 7),
    "4": ("valid", 7),
    "5": ("test", 12),
}
"""ESC-10's fold -> the split of its soundscapes, and their number."""
SECONDS = 10
FRAME_MS, JOINED_MS = 10, 150
THRESHOLD_DB = -25.0  # level, relative to the loudest frame, above which a frame sounds
LENGTH_MS = (150, 2000)
PAUSE_MS, FIRST_MS = (200.0, 1200.0), (100.0, 800.0)
ABOVE_DB = (3.0, 15.0)  # level of an event, relative to the background
FADE_MS, BACKGROUND_RMS, PEAK = 10, 0.03, 0.9

Sound = tuple[str, str, str, np.ndarray]
"""Label in ESC-10, fold, recording, and (samples,) at RATE."""
Part = tuple[str, np.ndarray]
"""A recording, and (samples,) of it at RATE."""


def soundscapes(clips: Clips, sounds: Sequence[Sound], seed: int) -> None:
    """Make events of four labels, one after another, over rain, waves or fire.

    Args:
        clips: where the soundscapes go.
        sounds: clips of ESC-10.
        seed: seed of everything that is drawn.

    Raises:
        ValueError: a fold lacks clips of a label, or of all backgrounds.
    """
    for fold, (split, count) in FOLDS.items():
        parts = [(label, (recording, sound)) for label, number, recording, sound in sounds if number == fold]
        excerpts = {label: _excerpts(parts, name) for name, label in SOUNDS.items()}
        beds = [part for name, part in parts if name in BACKGROUNDS]
        if not beds or not all(excerpts.values()):
            raise ValueError(f"fold {fold} of ESC-10 must have clips of {', '.join([*SOUNDS, BACKGROUNDS[0]])}")
        streams = [np.random.default_rng((seed, int(fold), number)) for number in range(count)]
        mixed = [_mixed(rng, beds, excerpts) for rng in streams]
        groups = joined_groups([recordings for _, _, recordings in mixed])
        for number, ((sound, events, _), group) in enumerate(zip(mixed, groups.tolist(), strict=True)):
            clips.add(f"{fold}_{number:02}.flac", sound, RATE, {"split": split, "group": f"{fold}_{group}"}, events)


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


def _excerpts(parts: Sequence[tuple[str, Part]], label: str) -> list[Part]:
    """The parts of a label's recordings that sound and have the length of an event."""
    shortest, longest = (length * RATE // 1000 for length in LENGTH_MS)
    runs = [(part, run) for name, part in parts if name == label for run in active(part[1], RATE)]
    return [
        (recording, _faded(sound[start:end]))
        for (recording, sound), (start, end) in runs
        if shortest <= end - start <= longest
    ]


def _faded(sound: np.ndarray, fade_ms: int = FADE_MS) -> np.ndarray:
    fade = np.linspace(0, 1, fade_ms * RATE // 1000, dtype=np.float32)
    faded = sound.copy()
    faded[: len(fade)] *= fade
    faded[-len(fade) :] *= fade[::-1]
    return faded


def _mixed(
    rng: np.random.Generator, beds: Sequence[Part], excerpts: Mapping[str, Sequence[Part]]
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
