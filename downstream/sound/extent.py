"""Where the samples of an audio file lie, and the chunks that surround them."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

NEAR = 65536  # bytes around 2^31, 2^32, ...: sizes that programs write for an unknown one, when they write to a pipe
ROUND = 2_000_000_000  # another such size
TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"<?xml", b"<x:xmp")
CHUNKS = frozenset(  # chunks that may themselves be cut short: the sound is whole
    b"LIST|INFO|id3 |ID3 |cue |bext|iXML|fact|JUNK|junk|PAD |FLLR|smpl|inst|PEAK|acid|plst|axml|chna|wamd|guan|_PMX|"
    b"DISP|SyLp|afsp|AFAn|umid|MARK|COMT|NAME|AUTH|ANNO|APPL|(c) |MIDI|AESD|INST|free|info|mark|strg|regn|uuid|ovvw|"
    b"peak|edct|umrk|LGWV|minf|elm1|cart|levl|summ|list".split(b"|")
)
SOUNDS = (b"data", b"SSND", b"BODY", b"RIFF", b"FORM")  # behind the sound: a second sound, which libsndfile ignores

Follow = Callable[[int], tuple[bytes, int]]
"""The place of a chunk -> its name, and the place of the next chunk."""


@dataclass(frozen=True)
class AudioFile:
    """An open audio file, with the start of its container.

    Attributes:
        file: open for reading.
        size: of the file, in bytes.
        head: the first 40 bytes of the container.
        first: where the container starts, behind an ID3 tag.
    """

    file: BinaryIO
    size: int
    head: bytes = b""
    first: int = 0

    def at(self, place: int, count: int) -> bytes:
        """Up to `count` bytes from `place` on."""
        self.file.seek(place)
        return self.file.read(count)

    def unpacked(self, form: str, place: int) -> tuple[Any, ...]:
        """The values at a place, by a format of `struct`; struct.error if the file ends before."""
        return struct.unpack(form, self.at(place, struct.calcsize(form)))

    def content(self) -> bytes:
        """All bytes of the file."""
        self.file.seek(0)
        return self.file.read()


@dataclass(frozen=True)
class SizeField:
    """Where a header gives the size of its sound.

    Attributes:
        offset: the first byte of the field.
        form: its format, as in `struct`.
        counted: bytes before the samples that are part of the size.
    """

    offset: int
    form: str
    counted: int = 0


@dataclass(frozen=True)
class Extent:
    """Where the samples of a file lie, by its header.

    Attributes:
        start: the first byte of the samples.
        stop: the byte behind the last one; None if the header leaves the length open.
        behind: bytes after `stop` that belong to no chunk.
        field: where the header gives the size; None if there is no such field.
    """

    start: int
    stop: int | None
    behind: int = 0
    field: SizeField | None = None


def extent_to_end(audio: AudioFile, start: int, length: int) -> Extent:
    """The extent of `length` bytes of samples that no chunk follows."""
    return Extent(start, start + length, unknown_bytes(audio, start + length))


def extent_in_chunks(
    audio: AudioFile, start: int, length: int, field: SizeField, follow: Follow | None = None
) -> Extent:
    """The extent of `length` bytes of samples that chunks may follow.

    A length of 0 may be an open one.
    """
    stop = start + length
    if length == 0:
        return Extent(start, start if unknown_bytes(audio, start, follow) == 0 else None, 0, field)
    if stop > audio.size and _is_open(length + field.counted):
        return Extent(start, None, 0, field)
    behind = min(unknown_bytes(audio, place, follow) for place in {stop, stop + stop % 2, -(-stop // 8) * 8})
    return Extent(start, stop, behind, field)


def unknown_bytes(audio: AudioFile, place: int, follow: Follow | None = None) -> int:
    """How many bytes from `place` on are neither chunks, nor a tag, nor zeros."""
    while place < audio.size:
        if audio.at(place, 12).startswith(TAGS):
            return 0
        if follow is None:
            break
        try:
            name, stop = follow(place)
        except (struct.error, ValueError):
            break
        if name in SOUNDS or not (name in CHUNKS or stop <= audio.size + 1):
            break
        place = stop
    audio.file.seek(place)
    while block := audio.file.read(1 << 20):
        if block.strip(b"\0"):
            return audio.size - place
    return 0


def _is_open(size: int) -> bool:
    return any(abs(size - power) <= NEAR for power in (2**31, 2**32, 2**63, 2**64)) or size == ROUND
