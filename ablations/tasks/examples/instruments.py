"""Three tasks of General MIDI instruments: pitch, family, and families that play together.

Instruments that share a recording are in one fold, so that the instruments of a test are never heard in training.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ablations.tasks.examples.clips import Clips
from ablations.tasks.examples.midi import Note
from ablations.tasks.examples.samples import samples_of
from ablations.tasks.examples.synthesizer import RATE, render
from ablations.tasks.prepare.folds import draw_folds, joined_groups

FAMILIES: Mapping[str, tuple[int, ...]] = {
    "piano": (0, 2, 4, 6, 7),
    "chromatic percussion": (9, 10, 11, 12, 13),
    "organ": (16, 17, 18, 19, 20),
    "guitar": (24, 26, 27, 28, 29),
    "bass": (32, 33, 34, 35, 36),
    "strings": (40, 41, 42, 44, 45),
    "brass": (56, 57, 58, 60, 61),
    "reed": (64, 66, 68, 70, 71),
    "pipe": (72, 73, 74, 75, 79),
}
"""Family, as General MIDI calls it -> its programs, counted from 0."""
PITCHED = ("piano", "organ", "strings", "brass", "reed")
KEYS = range(48, 73)
FAMILY_KEYS = KEYS[::3][:8]
FOLDS = 5
TOGETHER = (2, 2, 3)  # number of families in a clip: two are twice as likely as three
CLIPS_PER_FOLD = 60
CLIP_MS, SOUNDING_MS, BEFORE_MS, SLOT_MS = 1000, 800, 20, 1500
PEAK, QUIETER_DB = 0.5, 9.0


def pitch(clips: Clips, soundfont: Path, seed: int) -> None:
    """Make a task on the pitch of a note: multiclass, 25 keys of 25 instruments."""
    for fold, family, program, group in _folds(soundfont, PITCHED, seed):
        for key, note in zip(KEYS, notes_of(soundfont, program), strict=True):
            rng = np.random.default_rng((seed, program, key))
            row = {"label": key, "fold": fold, "group": group, "family": family}
            clips.add(f"{program:03}_{key}.flac", _leveled(note, rng), RATE, row)


def families(clips: Clips, soundfont: Path, seed: int) -> None:
    """Make a task on the family of an instrument: multiclass, 45 instruments at 8 keys each."""
    for fold, family, program, group in _folds(soundfont, FAMILIES, seed):
        notes = notes_of(soundfont, program)
        for key in FAMILY_KEYS:
            rng = np.random.default_rng((seed, program, key))
            row = {"label": family, "fold": fold, "group": group}
            clips.add(f"{program:03}_{key}.flac", _leveled(notes[key - KEYS[0]], rng), RATE, row)


def duets(clips: Clips, soundfont: Path, seed: int) -> None:
    """Make a task on families that play together: multilabel, two or three at once.

    The clips of a fold mix the same instruments, so that a fold is one group.
    """
    placed = sorted(_folds(soundfont, FAMILIES, seed))
    for fold, members in itertools.groupby(placed, key=lambda member: member[0]):
        players = [(family, program) for _, family, program, _ in members]
        for number in range(CLIPS_PER_FOLD):
            rng = np.random.default_rng((seed, fold, number))
            names = sorted({family for family, _ in players})
            chosen = rng.choice(names, size=min(rng.choice(TOGETHER), len(names)), replace=False)
            keys = rng.choice(len(KEYS), size=len(chosen), replace=False)
            mixed = np.zeros(CLIP_MS * RATE // 1000, np.float32)
            for name, key in zip(chosen, keys, strict=True):
                program = rng.choice([program for family, program in players if family == name])
                mixed += _leveled(notes_of(soundfont, int(program))[key], rng) / len(chosen)
            row = {"labels": ",".join(sorted(chosen)), "fold": fold, "group": f"instruments of fold {fold}"}
            clips.add(f"{fold}_{number:02}.flac", mixed, RATE, row)


@functools.lru_cache(maxsize=64)
def notes_of(soundfont: Path, program: int) -> np.ndarray:
    """Render each of `KEYS` alone; the notes are kept, because three tasks share them.

    Returns:
        (keys, samples) float32 at `RATE`, each with a peak of 1.

    Raises:
        ValueError: the program is silent at a key.
    """
    slots = [number * SLOT_MS for number in range(len(KEYS))]
    notes = [Note(at + BEFORE_MS, at + BEFORE_MS + SOUNDING_MS, key) for at, key in zip(slots, KEYS, strict=True)]
    sound = render(soundfont, program, notes, len(KEYS) * SLOT_MS / 1000, slots)
    cut = sound.reshape(len(KEYS), -1)[:, : CLIP_MS * RATE // 1000].copy()
    fade = RATE // 50
    cut[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    peaks = np.abs(cut).max(axis=1, keepdims=True)
    if not peaks.all():
        raise ValueError(f"{soundfont}: program {program} is silent at key {KEYS[int(peaks.argmin())]}")
    return np.asarray(cut / peaks)


def _folds(soundfont: Path, names: Iterable[str], seed: int) -> Iterator[tuple[int, str, int, str]]:
    """Spread families over folds; programs that share a recording are in one group.

    Yields:
        Fold, family, program, name of the group.
    """
    recordings = samples_of(soundfont)
    members = [(family, program) for family in names for program in FAMILIES[family]]
    if absent := [program for _, program in members if not recordings.get(program)]:
        raise ValueError(f"{soundfont}: has no General MIDI program {absent[0]}, expected all of 0 to 127")
    groups = joined_groups([sorted(recordings[program]) for _, program in members])
    folds = draw_folds([(family,) for family, _ in members], groups, FOLDS, seed)
    first = {group: program for group, (_, program) in reversed(list(zip(groups.tolist(), members, strict=True)))}
    for fold, group, (family, program) in zip(folds.tolist(), groups.tolist(), members, strict=True):
        yield fold, family, program, f"program {first[group]}"


def _leveled(note: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The note at a level that is drawn."""
    level = PEAK * 10 ** (-rng.uniform(0, QUIETER_DB) / 20)
    return np.asarray(level * note, np.float32)
