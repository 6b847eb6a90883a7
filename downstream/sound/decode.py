"""Decode one audio file to samples, its container and its samples checked."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile

from downstream.disk.memory import available, check_memory
from downstream.notices import warn_once
from downstream.sound.containers import Container, untagged

LOWEST_RATE, HIGHEST_RATE = 1000, 10_000_000  # Hz; any other rate is a fault of the header
LOUD = 2.0  # float files may pass 1, by resampling or by a recorder's headroom; a warning says if they pass this
LOUDEST = 8.0  # samples beyond it are integers that were not divided by their full scale
OPEN_FRAMES = 1 << 40  # libsndfile's number of frames for an unknown length, or more
BLOCK = 1 << 22  # samples read at once, if the header promises more than the file can hold
SAMPLE_BYTES = 10  # memory of a sample while its clip is read: twice as float32, and what is made of it
SAMPLES_A_BYTE = 64  # at most, of compressed sound; silence in FLAC is read in blocks

CONTAINERS = frozenset(  # by libsndfile's names
    {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3", "NIST", "VOC", "SVX", "AVR"}
    | {"MAT4", "MAT5", "MPC2K", "WVE", "HTK"}
)
"""Containers that reveal whether a file was cut short."""
SPECIAL = "no regular file, but a pipe, device or the like"
REASONS = {"SF_INFO struct incomplete": "its header has no sampling rate, no channels or no samples"}


@dataclass(frozen=True)
class AudioHeader:
    """What the header of an audio file says.

    Attributes:
        samplerate: in Hz.
        frames: samples of each channel.
    """

    samplerate: int
    channels: int
    frames: int

    @property
    def duration(self) -> float:
        """Length in s."""
        return self.frames / self.samplerate


class _Stream(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read from its beginning to its end, without a seek after each read.

    The seek fails if the header is wrong.
    """

    def seekable(self) -> bool:
        return False


def decode(path: Path, content: bytes | None = None) -> tuple[np.ndarray, int]:
    """Decode a whole file.

    Args:
        content: the file's bytes, if they do not lie at `path`, which then only names them.

    Returns:
        (samples, channels) float32, and the rate in Hz.

    Raises:
        ValueError: names a file that is unreadable, empty, cut short, not finite, at the scale of integers, or larger
            than the memory, or whose header is wrong or gives a rate out of range.
    """
    size = path.stat().st_size if content is None else len(content)
    if content is None:
        check_memory(str(path), size)
    with _opened(path, content) as file:
        container = Container(file, size)
        if reason := container.fault():
            raise ValueError(f"{path}: {reason}")
        if remark := container.oddity():
            warn_once(f"{path.parent}: {remark}")
        if container.extent is None or (container.is_open and not _frames(path, content)):
            content = container.mended() or content
    samples, rate = _read(path, content, size)
    if len(samples) == 0:
        raise ValueError(f"{path}: 0 samples, expected at least 1")
    peak = max(abs(float(samples.max())), abs(float(samples.min())))  # NaN if any sample is NaN
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
    """Whether something exists at a path that is neither a regular file nor a folder."""
    return path.exists() and not (path.is_file() or path.is_dir())


def read_header(path: Path) -> AudioHeader:
    """Read the header of an audio file; a length that it leaves open is found by decoding.

    Raises:
        FileNotFoundError: names an absent file.
        ValueError: names a file that is no audio, or whose rate is out of range.
    """
    if not path.is_file():
        where = f"a link to {path.readlink()}, which is absent" if path.is_symlink() else "no such file"
        raise FileNotFoundError(f"{path}: {SPECIAL if is_special(path) else where}")
    try:
        with path.open("rb") as file:
            info = _info(file)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        size = path.stat().st_size
        check_memory(str(path), size)
        with path.open("rb") as file:
            mended = Container(file, size).mended()
        try:
            info = soundfile.info(io.BytesIO(mended or b""))
        except soundfile.LibsndfileError:
            raise _unreadable(path, size, error) from None
    _check_kind(path, info)
    frames = info.frames
    if frames == 0 or frames >= OPEN_FRAMES:  # only the samples tell
        frames = len(decode(path)[0])
    return AudioHeader(info.samplerate, info.channels, frames)


def _read(path: Path, content: bytes | None, size: int) -> tuple[np.ndarray, int]:
    opened = False
    try:
        plain = None if content is None else untagged(content)
        with _opened(path, plain) as file, _Stream(_source(file)) as stream:
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
    """The number of frames that libsndfile sees by itself."""
    try:
        with _opened(path, content) as file:
            return int(_info(file).frames)
    except soundfile.LibsndfileError:
        return 0


def _in_blocks(stream: soundfile.SoundFile, path: Path) -> np.ndarray:
    """Read to the end, whatever length the header promises; ValueError if that outgrows the memory."""
    frame_bytes = SAMPLE_BYTES * stream.channels
    blocks, frames, most = [], 0, available() // frame_bytes
    while len(block := stream.read(BLOCK // stream.channels, dtype="float32", always_2d=True)):
        blocks.append(block)
        frames += len(block)
        if frames > most:
            check_memory(f"{path}: more than {frames} frames of sound", frame_bytes * frames)
    return np.concatenate(blocks) if blocks else np.zeros((0, stream.channels), np.float32)


def _check_kind(path: Path, info: Any) -> None:
    """Raise ValueError for a container that does not tell its length, or a rate out of range.

    Args:
        info: soundfile's description of the file, or its open stream.
    """
    if info.format not in CONTAINERS:
        name = info.format_info.split(" (")[0]
        raise ValueError(f"{path}: a file of {name} does not tell whether it is whole; convert it to WAV or FLAC")
    rate = info.samplerate
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"{path}: its sampling rate is {rate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE} Hz")


def _unreadable(path: Path, size: int, error: Exception) -> ValueError:
    return ValueError(f"{path}: not readable as audio ({size} bytes): {_reason(error)}")


def _reason(error: Exception) -> str:
    text = str(error).split(": ")[-1].strip()
    return REASONS.get(text.rstrip("."), text)


def _source(file: BinaryIO) -> int | BinaryIO:
    """What libsndfile opens, and closes: not a path, since it reads "._a.mp3" of macOS beside "a.mp3"."""
    return file if isinstance(file, io.BytesIO) else os.dup(file.fileno())


def _info(file: BinaryIO) -> Any:
    return soundfile.info(_source(file))


def _opened(path: Path, content: bytes | None) -> BinaryIO:
    return path.open("rb") if content is None else io.BytesIO(content)
