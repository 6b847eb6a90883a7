"""Check what an audio file's header says of its length against the bytes of the file.

libsndfile silently reads a file that was cut short, or whose header gives too small a size. So the header of each
container is read here too (`container_headers`, `streams`), before anything is decoded.
"""

import struct
from typing import BinaryIO

from downstream.sound import streams
from downstream.sound.container_headers import READERS
from downstream.sound.extent import AudioFile, Extent

TRAILING = 64  # bytes that a header may promise too many: sizes that count the header, padding that was not written
LEFT_BEHIND = 4096  # bytes behind the sound that are in no chunk; more are sound that the header leaves out
SHARE_BEHIND = 0.1  # of the sound; the smaller bound counts


class Container:
    """The container of an audio file.

    Args:
        file: open for reading.
        size: of the file, in bytes.

    Attributes:
        extent: where the samples lie by the header; None if the container does not tell, or its header can't be read.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.audio = AudioFile(file, size)
        self.extent = _extent(self.audio)

    @property
    def is_open(self) -> bool:
        """Whether the header leaves the length open."""
        return self.extent is not None and self.extent.stop is None

    def fault(self) -> str:
        """Say why the file is not whole; "" if it is, or its header does not tell."""
        size, extent = self.audio.size, self.extent
        if extent is None:
            return streams.fault(self.audio)
        if extent.stop is None:
            return ""
        if extent.stop - size > TRAILING:
            return f"cut short, {size} bytes where its header promises {extent.stop}"
        length = extent.stop - extent.start
        if extent.behind > min(LEFT_BEHIND, max(length * SHARE_BEHIND, 256)):
            more = f"{extent.behind} bytes more lie behind them in no known chunk"
            return f"its header is wrong, it gives {length} bytes of sound, but {more}; write the file anew"
        return ""

    def oddity(self) -> str:
        """Describe what is unusual about a file that is read all the same; "" for nothing."""
        extent = self.extent
        if extent is None:
            return ""
        if extent.stop is None:
            return "headers leave the length open, as those of a pipe do: clips are read to their end"
        if extent.stop > self.audio.size:
            return "headers promise a few bytes too many: clips are read to their end"
        return "a few bytes behind the sound, in no known chunk, are left out" if extent.behind > TRAILING else ""

    def mended(self) -> bytes | None:
        """The file with its true length in the header, if that left the length open; else None.

        libsndfile takes some open lengths for no sound at all, and guesses the length of MPEG frames from the first.
        """
        extent = self.extent
        if extent is None:
            if (header := streams.missing_header(self.audio)) is None:
                return None
            place, frame = header
            content = self.audio.content()
            return content[:place] + frame + content[place:]
        field = extent.field
        if extent.stop is not None or field is None:
            return None
        content = self.audio.content()
        most = 2 ** (8 * struct.calcsize(field.form) - field.form[-1].islower()) - 1
        value = struct.pack(field.form, min(self.audio.size - extent.start + field.counted, most))
        return content[: field.offset] + value + content[field.offset + len(value) :]


def begins_as_audio(head: bytes) -> bool:
    """Whether the first 12 bytes of a file are those of audio that libsndfile reads."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return head[8:12] == b"WAVE"
    if head[:4] == b"FORM":
        return head[8:12] in (b"AIFF", b"AIFC", b"8SVX", b"16SV")
    return head.startswith((b"fLaC", b"OggS", b"ID3", b"caff", b".snd", b"NIST_1A", b"Creative Vo")) or (
        streams.frame_bytes(head) > 0
    )


def untagged(content: bytes) -> bytes:
    """The file without an ID3 tag ahead of its container: libsndfile forgets the tag's length at the end of bytes."""
    first = streams.behind_id3(content[:10])
    return content[first:] if first and any(content.startswith(start, first) for start, _ in READERS) else content


def _extent(audio: AudioFile) -> Extent | None:
    first = streams.behind_id3(audio.at(0, 10))  # a tag ahead of the container
    head = audio.at(first, 40)
    if first and head[:4] not in (b"RIFF", b"fLaC"):  # the containers that tags are put ahead of
        return None
    for start, read in READERS:
        if head.startswith(start):
            try:
                return read(AudioFile(audio.file, audio.size, head, first))
            except (struct.error, ValueError, LookupError):
                return None  # libsndfile has its own words for it
    return None
