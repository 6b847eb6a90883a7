"""Small parts of the two archives as tasks: spoken digits, ten kinds of sound, and soundscapes of these."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ablations.tasks.examples import soundscapes as scapes
from ablations.tasks.examples.archives import COLUMNS, members
from ablations.tasks.examples.clips import Clips
from downstream.tasks.audio import read_sound, resample

DIGITS_EACH = 8  # of a digit by a speaker
SCENES_EACH = 4  # of a class in a fold


def digits(clips: Clips, archive: Path, seed: int) -> None:
    """Which digit is spoken: multiclass; a speaker lies in one fold."""
    _drawn(clips, "fsdd", archive, DIGITS_EACH, seed)


def scenes(clips: Clips, archive: Path, seed: int) -> None:
    """Which of ten kinds a sound is: multiclass, in ESC-10's folds."""
    _drawn(clips, "esc10", archive, SCENES_EACH, seed)


def soundscapes(clips: Clips, archive: Path, seed: int) -> None:
    """What sounds when: events of four of ESC-10's classes over three others."""
    scapes.soundscapes(clips, list(_sounds(archive)), seed)


def _drawn(clips: Clips, name: str, archive: Path, each: int, seed: int) -> None:
    """As many of each label in each fold, drawn."""
    found = list(members(name, archive))
    cells = sorted({(clip["label"], clip["fold"]) for clip, _ in found})
    for number, cell in enumerate(cells):
        there = [i for i, (clip, _) in enumerate(found) if (clip["label"], clip["fold"]) == cell]
        rng = np.random.default_rng((seed, number))
        for i in sorted(rng.choice(there, size=min(each, len(there)), replace=False)):
            clip, content = found[i]
            clips.add_file(clip["file"], content, **{column: clip[column] for column in COLUMNS})


def _sounds(archive: Path) -> Iterator[scapes.Sound]:
    for clip, content in members("esc10", archive):
        if clip["label"] in (*scapes.SOUNDS, *scapes.BACKGROUNDS):
            sound = resample(*read_sound(archive / clip["file"], content), scapes.RATE)
            yield clip["label"], clip["fold"], clip["recording"], sound
