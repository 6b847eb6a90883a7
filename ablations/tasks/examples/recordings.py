"""Three tasks of parts of the two archives: digits, kinds of sound, and soundscapes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ablations.tasks.examples import soundscapes as scapes
from ablations.tasks.examples.archives import COLUMNS, members
from ablations.tasks.examples.clips import Clips
from downstream.tasks.audio import read_sound, resample

DIGIT_CLIPS = 8  # of a digit by a speaker
SCENE_CLIPS = 4  # of a class in a fold


def digits(clips: Clips, archive: Path, seed: int) -> None:
    """Make a task on the digit that is spoken: multiclass; a fold is a speaker."""
    _draw(clips, "fsdd", archive, DIGIT_CLIPS, seed)


def scenes(clips: Clips, archive: Path, seed: int) -> None:
    """Make a task on the kind of a sound, one of ten: multiclass, in ESC-10's folds."""
    _draw(clips, "esc10", archive, SCENE_CLIPS, seed)


def soundscapes(clips: Clips, archive: Path, seed: int, parts: Sequence[scapes.Part] = scapes.SMALL) -> None:
    """Make a task on what sounds when: events of four of ESC-10's classes over three others."""
    scapes.soundscapes(clips, list(_sounds(archive)), seed, parts)


def _draw(clips: Clips, name: str, archive: Path, most: int, seed: int) -> None:
    """Draw at most so many clips of each label in each fold."""
    files = list(members(name, archive))
    cells = sorted({(clip["label"], clip["fold"]) for clip, _ in files})
    for number, cell in enumerate(cells):
        places = [place for place, (clip, _) in enumerate(files) if (clip["label"], clip["fold"]) == cell]
        rng = np.random.default_rng((seed, number))
        for place in sorted(rng.choice(places, size=min(most, len(places)), replace=False)):
            clip, content = files[place]
            clips.add_file(clip["file"], content, {column: clip[column] for column in COLUMNS})


def _sounds(archive: Path) -> Iterator[scapes.Sound]:
    """The clips of an archive that soundscapes are made from."""
    for clip, content in members("esc10", archive):
        if clip["label"] in (*scapes.SOUNDS, *scapes.BACKGROUNDS):
            sound = resample(*read_sound(archive / clip["file"], content), scapes.RATE)
            yield clip["label"], clip["fold"], clip["recording"], sound
