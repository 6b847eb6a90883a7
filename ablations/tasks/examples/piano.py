"""A task on polyphonic piano: which keys sound when, in random music, scored as MAESTRO.

As in MAESTRO, all splits have the same instrument and different pieces.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ablations.tasks.examples.clips import Clips
from ablations.tasks.examples.midi import Note
from ablations.tasks.examples.synthesizer import RATE, render

PROGRAM = 0
KEYS = range(48, 73)
PIECES: Mapping[str, int] = {"train": 22, "valid": 6, "test": 8}
"""Split -> number of its pieces."""
MORE_TO_TEST = {**PIECES, "test": 24}
"""The same with more pieces to test on: what eight can't tell apart."""
SECONDS, REST_S = 10, 2
FIRST_MS, CHORD = 100.0, (1, 1, 2, 3)
STEP_MS, LENGTH_MS = (150.0, 600.0), (150.0, 900.0)


def piano(clips: Clips, soundfont: Path, seed: int, counts: Mapping[str, int] = PIECES) -> None:
    """Make events of 25 keys, one to three of them struck at once, in pieces of 10 s.

    Args:
        clips: where the pieces go.
        soundfont: the file that has the piano.
        seed: of everything that is drawn.
        counts: split -> number of its pieces.
    """
    splits = [split for split, count in counts.items() for _ in range(count)]
    pieces = [_piece(np.random.default_rng((seed, number))) for number in range(len(splits))]
    slot = 1000 * (SECONDS + REST_S)
    notes = [
        Note(number * slot + note.start, number * slot + note.end, note.key, note.velocity)
        for number, piece in enumerate(pieces)
        for note in piece
    ]
    starts = [number * slot for number in range(len(pieces))]
    sound = render(soundfont, PROGRAM, notes, len(pieces) * slot / 1000, starts)
    sound *= 0.5 / np.abs(sound).max()
    for number, (piece, played) in enumerate(zip(pieces, sound.reshape(len(pieces), -1), strict=True)):
        events = [{"label": note.key, "start": note.start, "end": note.end} for note in piece]
        clips.add(f"{number:02}.flac", played[: SECONDS * RATE], RATE, {"split": splits[number]}, events)


def _piece(rng: np.random.Generator) -> list[Note]:
    """Draw notes in whole ms.

    A key is never struck while it sounds, and all notes end before the piece does.
    """
    notes, free, at = [], dict.fromkeys(KEYS, 0.0), FIRST_MS
    while at < 1000 * SECONDS - 2 * LENGTH_MS[0]:
        keys = rng.choice(KEYS, size=rng.choice(CHORD), replace=False)
        for key in keys.tolist():
            end = min(round(at + rng.uniform(*LENGTH_MS)), 1000 * SECONDS - 50)
            if free[key] <= at:
                notes.append(Note(at, end, key, int(rng.integers(60, 111))))
                free[key] = end + 30
        at = float(round(at + rng.uniform(*STEP_MS)))
    return notes
