"""Notes as sound: fluidsynth with a General MIDI soundfont, without reverberation, chorus or anything random."""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ablations.system import child
from ablations.tasks.examples.midi import Note, midi_file

RATE = 32000  # Hz
GAIN = 0.5
SYNTHESIS_S = 600.0  # that fluidsynth may take for one clip
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
"""Where Debian's package fluid-soundfont-gm (FluidR3 GM by F. Wen and others, MIT license) puts it."""
PACKAGES = "apt-get install fluidsynth fluid-soundfont-gm"


def find_soundfont(path: Path | None = None) -> Path:
    """A soundfont given, or Debian's; fluidsynth is looked for as well.

    Raises:
        FileNotFoundError: says which package has what is missing.
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
    """(samples,) float32 at RATE: the first `seconds` of a program playing notes, the mean of both channels.

    Args:
        silences: times in ms at which whatever sounds is cut off.

    Raises:
        ValueError: fluidsynth failed; with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "notes.mid"), Path(folder, "sound.raw")
        ended = [*silences, 1000 * seconds]  # keeps the file as long as it is wanted
        score.write_bytes(midi_file(program, notes, ended))
        command = ["fluidsynth", "-n", "-i", "-q", "-R", "0", "-C", "0", "-g", str(GAIN), "-r", str(RATE)]
        command += ["-T", "raw", "-O", "float", "-F", str(sound), str(soundfont), str(score)]
        try:
            child.run(command, SYNTHESIS_S)
        except ValueError as error:
            raise ValueError(f"fluidsynth failed on {soundfont}: {error}") from None
        if not sound.is_file():
            raise ValueError(f"fluidsynth failed on {soundfont}: it wrote nothing")
        both = np.fromfile(sound, "<f4").reshape(-1, 2)
    found = np.zeros(round(seconds * RATE), np.float32)
    kept = both[: len(found)].mean(axis=1)
    found[: len(kept)] = kept
    return found
