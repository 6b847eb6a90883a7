"""The sound of one split of a task, at the rate a model listens to.

Clips are read with soundfile from whatever rate folder is there and resampled with soxr; what was resampled is cached
by content, so that it is done once for all models of that rate.
"""

import functools
import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from downstream.files import fingerprint, load_arrays, write_atomically, write_json
from downstream.room import available, check_room
from downstream.task import Task

RESAMPLER = "soxr-HQ"
PIECE_FRAMES = 1 << 20  # that are read at once
SAMPLE_BYTES = 10  # that a sample takes while its clip is read: twice as float32, and what is made of it
UNKNOWN_FRAMES = 1 << 62  # and more: libsndfile's word for a file that does not say its length
UNKNOWN_BYTES = 0x7FFFF000  # and more in a WAVE header: written to a pipe, the size was not known

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitAudio:
    """The clips of one split.

    Attributes:
        files: in the order of the split's JSON.
        folder: where they lie; its parent's name is `source_rate` in Hz.
        sample_rate: what `load` returns, in Hz.
        cache: folder of resampled clips and of content hashes.
    """

    files: tuple[str, ...]
    folder: Path
    source_rate: int
    sample_rate: int
    cache: Path

    @classmethod
    def of(cls, task: Task, split: str, sample_rate: int, cache: str | Path) -> "SplitAudio":
        """The split's clips from the rate folder nearest to `sample_rate`, from above where there is one.

        Raises:
            FileNotFoundError: no rate folder, or a listed file is absent; names it.
        """
        there = rates(task.folder)
        source_rate = next((rate for rate in there if rate >= sample_rate), there[-1])
        folder = task.folder / str(source_rate) / split
        present = {entry.name for entry in os.scandir(folder) if entry.is_file()} if folder.is_dir() else set()
        files = tuple(task.items[split])
        absent = [file for file in files if file not in present and not (folder / file).is_file()]
        if absent:
            raise FileNotFoundError(
                f"{folder / absent[0]} is listed in {split}.json but {_state(folder / absent[0])}"
                + (f" (and {len(absent) - 1} more)" if len(absent) > 1 else "")
            )
        return cls(files, folder, source_rate, sample_rate, Path(cache))

    @functools.cached_property
    def hashes(self) -> dict[str, str]:
        """file -> SHA-256 of its bytes; remembered with size and time of change, so that each is hashed once."""
        index = self.cache / "hashes" / f"{fingerprint(str(self.folder.resolve()))}.json"
        known = _known_hashes(index)
        found = {}
        for file in self.files:
            path = self.folder / file
            stat = path.stat()
            entry = known.get(file)
            if entry is None or entry[:2] != [stat.st_size, stat.st_mtime_ns]:
                check_room(str(path), stat.st_size)  # hashing a file that can't be read could take days
                with path.open("rb") as content:
                    entry = [stat.st_size, stat.st_mtime_ns, hashlib.file_digest(content, "sha256").hexdigest()]
            found[file] = entry
        if found != known:
            _keep(index, lambda: write_json(index, {**known, **found}))
        return {file: entry[2] for file, entry in found.items()}

    @property
    def fingerprint(self) -> str:
        """16 hex digits for names, contents, rate and resampler."""
        resampler = RESAMPLER if self.source_rate != self.sample_rate else None
        return fingerprint([sorted(self.hashes.items()), self.source_rate, self.sample_rate, resampler])

    def seconds(self, file: str) -> float:
        """Length of a clip, from its header."""
        return _open(self.folder / file, soundfile.info).duration

    def load(self, file: str) -> Tensor:
        """A clip: (samples,) float32 at `sample_rate`, mono.

        Raises:
            ValueError: names the file: unreadable, empty, cut short, of another rate than its folder, not finite.
        """
        path = self.folder / file
        if self.source_rate == self.sample_rate:
            return torch.from_numpy(read_clip(path, self.source_rate))
        cached = self.cache / "audio" / f"{self.hashes[file][:32]}-{self.sample_rate}-{RESAMPLER}.npy"
        if (clip := _resampled_before(cached)) is None:
            clip = resample(read_clip(path, self.source_rate), self.source_rate, self.sample_rate)
            _keep(cached, lambda: write_atomically(cached, lambda out: np.save(out, clip)))
        return torch.from_numpy(clip)


def rates(folder: Path) -> list[int]:
    """The rates in Hz, ascending, that a task folder has audio at.

    Raises:
        FileNotFoundError: it has none.
    """
    found = sorted(int(f.name) for f in folder.iterdir() if f.is_dir() and f.name.isdecimal())
    if not found:
        raise FileNotFoundError(f"{folder}: no audio; expected a folder named by its rate, such as 48000/")
    return found


def resample(clip: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(samples,) at `rate` -> (samples,) float32 at `wanted`, both in Hz; at least one sample, by `RESAMPLER`."""
    check_room(f"{len(clip)} samples at a rate of {rate} Hz, resampled to {wanted} Hz", 8 * len(clip) * wanted // rate)
    clip = clip if rate == wanted else soxr.resample(clip, rate, wanted, quality="HQ")
    return np.ascontiguousarray(clip if len(clip) else np.zeros(1), dtype=np.float32)


def read_header(path: Path):
    """soundfile's description of an audio file: samplerate, channels, frames, duration.

    Raises:
        FileNotFoundError, ValueError: name what is absent or no audio.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file" if _state(path) == "absent" else f"{path}: {_state(path)}")
    return _open(path, soundfile.info)


def read_clip(path: Path, sample_rate: int) -> np.ndarray:
    """(samples,) float32 in [-1, 1]; several channels are mixed down, which is said once a folder.

    Raises:
        ValueError: names the file: unreadable, empty, cut short, of another rate, not finite.
    """
    samples, rate = _open(path, lambda p: read_pieces(p, str(p)))
    if rate != sample_rate:
        raise ValueError(f"{path}: sampled at {rate} Hz, expected {sample_rate} Hz, as its folder says")
    if len(samples) == 0:
        raise ValueError(f"{path}: 0 samples, expected at least 1")
    promised = _promised_bytes(path)
    if promised > path.stat().st_size:
        raise ValueError(f"{path}: cut short, {path.stat().st_size} bytes where its header promises {promised}")
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: holds NaN or infinite samples")
    if samples.shape[1] > 1:
        _say_once(f"{path.parent}: clips of {samples.shape[1]} channels are mixed down to mono")
    return np.ascontiguousarray(samples.mean(axis=1))


def read_pieces(source: Path | BinaryIO, name: str) -> tuple[np.ndarray, int]:
    """(frames, channels) float32 of an audio file, and its rate in Hz; read in pieces, for a header may promise more.

    Args:
        name: what it is called in errors.

    Raises:
        ValueError: it would not fit the memory, by its header or by what is there.
    """
    with soundfile.SoundFile(source) as file:
        frame_bytes = SAMPLE_BYTES * file.channels
        if file.frames < UNKNOWN_FRAMES:
            check_room(f"{name}: {file.frames} frames of sound", frame_bytes * file.frames)
        most = available() // frame_bytes
        pieces, frames = [], 0
        while len(piece := file.read(PIECE_FRAMES, dtype="float32", always_2d=True)):
            pieces.append(piece)
            frames += len(piece)
            if frames > most:
                check_room(f"{name}: more than {frames} frames of sound", frame_bytes * frames)
        empty = np.zeros((0, file.channels), np.float32)
        return pieces[0] if len(pieces) == 1 else np.concatenate([empty, *pieces]), file.samplerate


def _known_hashes(index: Path) -> dict[str, list]:
    """What was remembered of a folder's clips; nothing where that can't be read."""
    try:
        return json.loads(index.read_text()) if index.is_file() else {}
    except ValueError:
        logger.warning("%s: not JSON: the clips are hashed again", index)
        return {}


def _resampled_before(cached: Path) -> np.ndarray | None:
    """(samples,) float32; None where it is not there, or not whole."""
    try:
        found = load_arrays(cached)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logger.warning("%s: resampled again, it can't be read: %s", cached, " ".join(str(error).split()))
        return None
    return found


def _keep(path: Path, write: Callable[[], None]) -> None:
    """Write what only saves time; a store that is full or read-only is said once."""
    try:
        write()
    except OSError as error:
        _say_once(f"{path.parent}: nothing more is kept there: {error.strerror or error}")


@functools.lru_cache(maxsize=1024)
def _say_once(message: str) -> None:
    logger.warning(message)


def _state(path: Path) -> str:
    """Of what is no regular file, what it is."""
    return "no regular file, but a pipe, device or the like" if path.exists() and not path.is_dir() else "absent"


def _open(path: Path, read):
    try:
        return read(path)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        reason = str(error).split(": ")[-1].strip()
        raise ValueError(f"{path}: not readable as audio ({path.stat().st_size} bytes): {reason}") from None


def _promised_bytes(path: Path) -> int:
    """Where the data chunk of a RIFF WAVE file ends by its header; 0 for other formats and for unknown sizes.

    libsndfile reads a shortened file without a word, so the header has to be asked.
    """
    with path.open("rb") as file:
        if file.read(4) != b"RIFF" or file.seek(8) != 8 or file.read(4) != b"WAVE":
            return 0
        while len(header := file.read(8)) == 8:
            size = int.from_bytes(header[4:], "little")
            if header[:4] == b"data":
                return 0 if size >= UNKNOWN_BYTES else file.tell() + size
            file.seek(size + size % 2, 1)
    return 0
