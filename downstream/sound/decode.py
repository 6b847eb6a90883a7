"""One audio file as samples: its container is looked at, then libsndfile decodes it, then its samples are looked at."""

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile

from downstream.disk.memory import available, check_memory
from downstream.notices import warn_once
from downstream.sound import containers

LOWEST_RATE, HIGHEST_RATE = 1000, 10_000_000  # Hz; others are faults of a header
LOUD = 2.0  # float files may pass 1, by resampling or by a recorder's headroom; beyond this it is said
LOUDEST = 8.0  # beyond it they are integers that nobody divided by their full scale
OPEN_FRAMES = 1 << 40  # and more in a header: libsndfile's word for a length that is not known
BLOCK = 1 << 22  # samples that are read at once where the header promises more than the file can hold
SAMPLE_BYTES = 10  # that a sample takes while its clip is read: twice as float32, and what is made of it
SAMPLES_A_BYTE = 64  # at most, of compressed sound; silence in FLAC is read in blocks

CONTAINERS = frozenset(  # by libsndfile's names
    {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3", "NIST", "VOC", "SVX", "AVR"}
    | {"MAT4", "MAT5", "MPC2K", "WVE", "HTK"}
)
"""Containers of which a file that was cut short can be told."""
SPECIAL = "no regular file, but a pipe, device or the like"
REASONS = {"SF_INFO struct incomplete": "its header has no sampling rate, no channels or no samples"}


class _Stream(soundfile.SoundFile):
    """Read from its beginning to its end, without the seek behind each read: that fails where a header is wrong."""

    def seekable(self) -> bool:
        return False


def decode(path: Path, content: bytes | None = None) -> tuple[np.ndarray, int]:
    """Decode a whole file.

    Args:
        content: its bytes, where they do not lie at `path`, which then only names it.

    Returns:
        (samples, channels) float32, and the rate in Hz.

    Raises:
        ValueError: names the file: unreadable, empty, cut short, of a header that is wrong or a rate out of range, not
            finite, at the scale of integers, larger than the memory.
    """
    size = path.stat().st_size if content is None else len(content)
    if content is None:
        check_memory(str(path), size)
    with _opened(path, content) as file:
        sound = containers.locate(file, size)
        if reason := containers.fault(file, size, sound):
            raise ValueError(f"{path}: {reason}")
        if remark := containers.oddity(size, sound):
            warn_once(f"{path.parent}: {remark}")
        if sound is None or (sound.stop is None and not _frames(path, content)):
            content = containers.mended(file, size, sound) or content
    samples, rate = _read(path, content, size)
    if len(samples) == 0:
        raise ValueError(f"{path}: 0 samples, expected at least 1")
    peak = max(abs(float(samples.max())), abs(float(samples.min())))  # NaN where there is one
    if not np.isfinite(peak):
        raise ValueError(f"{path}: holds NaN or infinite samples")
    if peak > LOUDEST:
        hint = "divide integers by their full scale (16 bits: 32768) before they are written as floats"
        raise ValueError(f"{path}: samples up to {peak:.4g}, expected [-1, 1]; {hint}")
    if peak > LOUD:
        text = f"{path.parent}: samples beyond [-1, 1], such as {peak:.3g} in {path.name}, are taken as they are"
        warn_once(text, key=f"{path.parent}: loud")
    return samples, rate


def is_special(path: Path) -> bool:
    """Whether something is there that is neither a regular file nor a folder."""
    return path.exists() and not (path.is_file() or path.is_dir())


def header(path: Path):
    """soundfile's description of a file: samplerate, channels, frames, duration.

    Raises:
        FileNotFoundError, ValueError: name what is absent, no audio, or of a rate out of range.
    """
    if not path.is_file():
        where = f"a link to {path.readlink()}, which is absent" if path.is_symlink() else "no such file"
        raise FileNotFoundError(f"{path}: {SPECIAL if is_special(path) else where}")
    try:
        with path.open("rb") as file:
            found = _info(file)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        size = path.stat().st_size
        check_memory(str(path), size)
        with path.open("rb") as file:
            whole = containers.mended(file, size, containers.locate(file, size))
        try:
            found = soundfile.info(io.BytesIO(whole or b""))
        except soundfile.LibsndfileError:
            raise _unreadable(path, size, error) from None
    _check_kind(path, found)
    if found.frames == 0 or found.frames >= OPEN_FRAMES:  # only what is there tells
        found.frames = len(decode(path)[0])
        found.duration = found.frames / found.samplerate
    return found


def _read(path: Path, content: bytes | None, size: int) -> tuple[np.ndarray, int]:
    opened = False
    try:
        untagged = None if content is None else containers.untagged(content)
        with _opened(path, untagged) as file, _Stream(_source(file)) as stream:
            _check_kind(path, stream)
            frames, opened = stream.frames, True
            if frames < OPEN_FRAMES:
                check_memory(f"{path}: {frames} frames of sound", SAMPLE_BYTES * stream.channels * frames)
            if frames * stream.channels > size * SAMPLES_A_BYTE + BLOCK:
                samples = _in_blocks(stream, path)
            else:
                samples = stream.read(frames, dtype="float32", always_2d=True)
            if len(samples) < frames < OPEN_FRAMES and stream.format != "MP3":  # whose header may be a guess
                raise ValueError(f"{path}: cut short, {len(samples)} samples where its header promises {frames}")
            return samples, stream.samplerate
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        if opened:
            raise ValueError(f"{path}: cut short or damaged ({size} bytes): {_reason(error)}") from None
        raise _unreadable(path, size, error) from None


def _frames(path: Path, content: bytes | None) -> int:
    """The samples that libsndfile sees by itself."""
    try:
        with _opened(path, content) as file:
            return _info(file).frames
    except soundfile.LibsndfileError:
        return 0


def _in_blocks(stream: soundfile.SoundFile, path: Path) -> np.ndarray:
    """What is there, whatever length the header promises; ValueError where it outgrows the memory."""
    frame_bytes = SAMPLE_BYTES * stream.channels
    blocks, frames, most = [], 0, available() // frame_bytes
    while len(block := stream.read(BLOCK // stream.channels, dtype="float32", always_2d=True)):
        blocks.append(block)
        frames += len(block)
        if frames > most:
            check_memory(f"{path}: more than {frames} frames of sound", frame_bytes * frames)
    return np.concatenate(blocks) if blocks else np.zeros((0, stream.channels), np.float32)


def _check_kind(path: Path, found: Any) -> None:
    """Raise ValueError for a container that does not tell its length, or a rate out of range; `found` has both."""
    if found.format not in CONTAINERS:
        name = found.format_info.split(" (")[0]
        raise ValueError(f"{path}: a file of {name} does not tell whether it is whole; convert it to WAV or FLAC")
    rate = found.samplerate
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"{path}: its sampling rate is {rate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE} Hz")


def _unreadable(path: Path, size: int, error: Exception) -> ValueError:
    return ValueError(f"{path}: not readable as audio ({size} bytes): {_reason(error)}")


def _reason(error: Exception) -> str:
    text = str(error).split(": ")[-1].strip()
    return REASONS.get(text.rstrip("."), text)


def _source(file: BinaryIO) -> int | BinaryIO:
    """What libsndfile opens, and closes: no path, for beside "a.mp3" it reads "._a.mp3", which macOS leaves there."""
    return file if isinstance(file, io.BytesIO) else os.dup(file.fileno())


def _info(file: BinaryIO) -> Any:
    return soundfile.info(_source(file))


def _opened(path: Path, content: bytes | None) -> BinaryIO:
    return path.open("rb") if content is None else io.BytesIO(content)
