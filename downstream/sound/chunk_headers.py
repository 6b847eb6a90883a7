"""Find the samples in containers made of chunks: RIFF and its kin, W64, AIFF, 8SVX, CAF.

Sources: IBM and Microsoft, Multimedia Programming Interface 1.0 (1991); EBU Tech 3306 (RF64); Apple, AIFF 1.3 and Core
Audio Format 1.0; the headers that libsndfile 1.2 writes.
"""

import struct

from downstream.sound.extent import AudioFile, Extent, Follow, SizeField, extent_in_chunks

W64_NAMES = tuple(  # how the names of W64's chunks end
    map(bytes.fromhex, ("8cd100c04f8edb8a", "a5d628db04c10000", "86c700c04f8edb8a", "86dc00c04f8edb8a"))
)
W64_START = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


def riff(audio: AudioFile) -> Extent | None:
    """RIFF and RIFX; RF64 and BW64 give the size of `data` in the chunk `ds64`."""
    if audio.head[8:12] != b"WAVE":
        return None
    order = ">" if audio.head[:4] == b"RIFX" else "<"
    follow = _chunks(audio, f"{order}4sI", 2)
    wide, place = 0, audio.first + 12
    while place < audio.size:
        name, behind = follow(place)
        if name == b"ds64":
            wide = place + 16
        if name == b"data":
            field = SizeField(place + 4, f"{order}I")
            (length,) = audio.unpacked(field.form, field.offset)
            if wide and length == 0xFFFFFFFF:
                field = SizeField(wide, "<Q")
                (length,) = audio.unpacked(field.form, field.offset)
            return extent_in_chunks(audio, place + 8, length, field, follow)
        place = behind
    return None


def w64(audio: AudioFile) -> Extent | None:
    """Chunks with names of 16 bytes, and sizes that count the 24 bytes of their header."""

    def follow(place: int) -> tuple[bytes, int]:
        name, guid, length = audio.unpacked("<4s12sQ", place)
        if not guid.endswith(W64_NAMES):
            raise ValueError(f"no chunk at {place}")
        return name, place + max(24, -(-length // 8) * 8)

    if (chunk := _first_of((b"data",), follow, 40, audio.size)) is None:
        return None
    _, place = chunk
    (length,) = audio.unpacked("<Q", place + 16)
    return extent_in_chunks(audio, place + 24, max(0, length - 24), SizeField(place + 16, "<Q", 24), follow)


def iff(audio: AudioFile) -> Extent | None:
    """AIFF and AIFC (SSND, with two numbers ahead of the samples), 8SVX and 16SV (BODY)."""
    follow = _chunks(audio, ">4sI", 2)
    if (chunk := _first_of((b"SSND", b"BODY"), follow, 12, audio.size)) is None:
        return None
    name, place = chunk
    before = 8 if name == b"SSND" else 0
    (length,) = audio.unpacked(">I", place + 4)
    field = SizeField(place + 4, ">I", before)
    return extent_in_chunks(audio, place + 8 + before, max(0, length - before), field, follow)


def caf(audio: AudioFile) -> Extent | None:
    """Chunks with sizes of 8 bytes, where -1 leaves the size open.

    An edit count is ahead of the samples.
    """
    follow = _chunks(audio, ">4sq", 1)
    if (chunk := _first_of((b"data",), follow, 8, audio.size)) is None:
        return None
    _, place = chunk
    (length,) = audio.unpacked(">q", place + 4)
    return extent_in_chunks(audio, place + 16, max(0, length - 4), SizeField(place + 4, ">q", 4), follow)


def _first_of(names: tuple[bytes, ...], follow: Follow, place: int, size: int) -> tuple[bytes, int] | None:
    """The name and place of the first chunk with one of these names, from `place` on.

    It is None without one.
    """
    while place < size:
        name, behind = follow(place)
        if name in names:
            return name, place
        place = behind
    return None


def _chunks(audio: AudioFile, form: str, align: int) -> Follow:
    """Follow chunks whose header is a name and a size in this format of `struct`, padded to `align` bytes."""
    header = struct.calcsize(form)

    def follow(place: int) -> tuple[bytes, int]:
        name, length = audio.unpacked(form, place)
        if not _is_name(name):
            raise ValueError(f"no chunk at {place}")
        return name, place + header + max(0, -(-length // align) * align)

    return follow


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)
