"""What an audio file's header says of its length, against the bytes that are there.

libsndfile reads a file that was cut short, or whose header gives too small a size, without a word. So the header of
each container is read here too (`container_headers`, `streams`), before anything is decoded.
"""

import struct
from typing import BinaryIO

from downstream.sound import streams
from downstream.sound.container_headers import READERS, Sound

TRAILING = 64  # bytes that a header may promise too many: sizes that count the header, or padding that was not written
LEFT_BEHIND = 4096  # bytes behind the sound that are in no chunk; more are sound that its header leaves out
SHARE_BEHIND = 0.1  # of the sound; the smaller bound counts


def begins_as_audio(head: bytes) -> bool:
    """Whether a file's first 12 bytes are those of audio that libsndfile reads."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return head[8:12] == b"WAVE"
    if head[:4] == b"FORM":
        return head[8:12] in (b"AIFF", b"AIFC", b"8SVX", b"16SV")
    return head.startswith((b"fLaC", b"OggS", b"ID3", b"caff", b".snd", b"NIST_1A", b"Creative Vo")) or (
        streams.frame_bytes(head) > 0
    )


def fault(file: BinaryIO, size: int, sound: Sound | None) -> str:
    """Say why a file is not whole; "" for one that is, or whose header does not tell.

    Args:
        size: of the file, in bytes. sound: what `locate` says of it.
    """
    if sound is None:
        return streams.fault(file, size)
    if sound.stop is None:
        return ""
    if sound.stop - size > TRAILING:
        return f"cut short, {size} bytes where its header promises {sound.stop}"
    length = sound.stop - sound.start
    if sound.behind > min(LEFT_BEHIND, max(length * SHARE_BEHIND, 256)):
        more = f"{sound.behind} bytes more lie behind them in no known chunk"
        return f"its header is wrong, it gives {length} bytes of sound, but {more}; write the file anew"
    return ""


def mended(file: BinaryIO, size: int, sound: Sound | None) -> bytes | None:
    """The file with its true length in the header, where that left it open; None where the header gives it.

    libsndfile takes some open lengths for no sound at all, and guesses that of MPEG frames from the first one.
    """
    if sound is None and (header := streams.missing_header(file, size)):
        place, frame = header
        content = _all(file)
        return content[:place] + frame + content[place:]
    if sound is None or sound.stop is not None:
        return None
    content = _all(file)
    offset, form = sound.size_field
    most = 2 ** (8 * struct.calcsize(form) - form[-1].islower()) - 1
    value = struct.pack(form, min(size - sound.start + sound.counted, most))
    return content[:offset] + value + content[offset + len(value) :]


def oddity(size: int, sound: Sound | None) -> str:
    """What may be said of a file that is read all the same; "" for nothing."""
    if sound is None:
        return ""
    if sound.stop is None:
        return "headers leave the length open, as those of a pipe do: clips are read to their end"
    if sound.stop > size:
        return "headers promise a few bytes too many: clips are read to their end"
    return "a few bytes behind the sound, in no known chunk, are left out" if sound.behind > TRAILING else ""


def untagged(content: bytes) -> bytes:
    """The file without an ID3 tag in front of its container, whose length libsndfile misses at the end of bytes."""
    first = streams.behind_id3(content[:10])
    return content[first:] if first and any(content.startswith(start, first) for start, _ in READERS) else content


def locate(file: BinaryIO, size: int) -> Sound | None:
    """Where the samples lie by the header; None for containers that don't tell, and for headers that can't be read."""
    file.seek(0)
    first = streams.behind_id3(file.read(10))  # a tag in front of another container
    file.seek(first)
    head = file.read(40)
    if first and head[:4] not in (b"RIFF", b"fLaC"):  # the containers that tags are put in front of
        return None
    for start, read in READERS:
        if head.startswith(start):
            try:
                return read(file, size, head, first)
            except (struct.error, ValueError, LookupError):
                return None  # libsndfile has its own words for it
    return None


def _all(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
