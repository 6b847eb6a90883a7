"""Render notes by fluidsynth, without reverberation, chorus or anything random."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ablations.system import child
from ablations.tasks.examples.midi import Note, midi_file

RATE = 32000  # Hz
GAIN = 0.5
SYNTHESIS_S = 600.0  # time limit of fluidsynth for one clip
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""The soundfont of Debian's package fluid-soundfont-gm (FluidR3 GM by F. Wen and others, MIT license)."""
PACKAGES = "apt-get install fluidsynth fluid-soundfont-gm"


def find_soundfont(path: Path | None = None) -> Path:
    """Return the soundfont, Debian's for None, after checking that it and fluidsynth are there.

    Raises:
        FileNotFoundError: one of them is missing; the message names the package that has it.
    """
    if shutil.which("fluidsynth") is None:
        raise FileNotFoundError(f"no program fluidsynth, which renders the music; on Debian and Ubuntu: {PACKAGES}")
    path = path or SOUNDFONT
    if not path.is_file():
        raise FileNotFoundError(f"no soundfont at {path}; name one, or on Debian and Ubuntu: {PACKAGES}")
    return path


def render(
    soundfont: Path, program: int, notes: Iterable[Note], seconds: float, silences: Sequence[float] = ()
) -> np.ndarray:
    """Render an instrument that plays notes.

    Args:
        soundfont: the soundfont.
        program: the General MIDI instrument, 0 to 127.
        notes: what it plays.
        seconds: the length of the sound in s.
        silences: times in ms at which everything that sounds is cut off.

    Returns:
        (samples,) float32 at `RATE`, the mean of both channels.

    Raises:
        ValueError: fluidsynth failed; the message has its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        score, output = Path(folder, "notes.mid"), Path(folder, "sound.raw")
        score.write_bytes(midi_file(program, notes, [*silences, 1000 * seconds]))  # the last event sets the length
        command = ["fluidsynth", "-n", "-i", "-q", "-R", "0", "-C", "0", "-g", str(GAIN), "-r", str(RATE)]
        command += ["-T", "raw", "-O", "float", "-F", str(output), str(soundfont), str(score)]
        try:
            child.run(command, SYNTHESIS_S)
        except ValueError as error:
            raise ValueError(f"fluidsynth failed on {soundfont}: {error}") from None
        if not output.is_file():
            raise ValueError(f"fluidsynth failed on {soundfont}: it wrote nothing")
        both = np.fromfile(output, "<f4").reshape(-1, 2)
    sound = np.zeros(round(seconds * RATE), np.float32)
    rendered = both[: len(sound)].mean(axis=1)
    sound[: len(rendered)] = rendered
    return sound
