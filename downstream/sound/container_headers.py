"""Where the samples lie in a file by its header: RIFF and its kin, W64, AIFF, 8SVX, CAF, AU, VOC, NIST SPHERE, AVR,
MATLAB 4 and 5, MPC 2000, WVE and FLAC.

HTK files that were cut are not read by libsndfile. Headers of IRCAM, PAF, PVF and SDS give no length, and XI is an
instrument's: `decode` refuses them.

Sources: IBM and Microsoft, Multimedia Programming Interface 1.0 (1991); EBU Tech 3306 (RF64); Apple, AIFF 1.3 and Core
Audio Format 1.0; RFC 9639 (FLAC); the headers that libsndfile 1.2 writes.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

NEAR = 65536  # bytes around 2^31, 2^32, ...: sizes that stand for an unknown one, of programs that write to a pipe
ROUND = 2_000_000_000  # another one
TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"<?xml", b"<x:xmp")
W64_NAMES = tuple(  # how the names of W64's chunks end
    map(bytes.fromhex, ("8cd100c04f8edb8a", "a5d628db04c10000", "86c700c04f8edb8a", "86dc00c04f8edb8a"))
)
CHUNKS = frozenset(  # that may be cut themselves: the sound is whole
    b"LIST|INFO|id3 |ID3 |cue |bext|iXML|fact|JUNK|junk|PAD |FLLR|smpl|inst|PEAK|acid|plst|axml|chna|wamd|guan|_PMX|"
    b"DISP|SyLp|afsp|AFAn|umid|MARK|COMT|NAME|AUTH|ANNO|APPL|(c) |MIDI|AESD|INST|free|info|mark|strg|regn|uuid|ovvw|"
    b"peak|edct|umrk|LGWV|minf|elm1|cart|levl|summ|list".split(b"|")
)
SOUNDS = (b"data", b"SSND", b"BODY", b"RIFF", b"FORM")  # behind the sound: a second one, which nobody reads

Follow = Callable[[int], tuple[bytes, int]]
"""The place of a chunk -> its name, and the place of the next one."""


@dataclass(frozen=True)
class Sound:
    """Where a file's samples lie, by its header.

    Attributes:
        start: their first byte. stop: the byte behind the last one; None where the header leaves it open.
        behind: bytes after `stop` that belong to no chunk.
        size_field: where the header gives the size, as (offset, struct format); `counted`: bytes before `start` that
            are part of that size.
    """

    start: int
    stop: int | None
    behind: int = 0
    size_field: tuple[int, str] | None = None
    counted: int = 0


def _riff(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    """RIFF and RIFX, and RF64 and BW64, whose chunk `ds64` has the size of `data`."""
    if head[8:12] != b"WAVE":
        return None
    order = ">" if head[:4] == b"RIFX" else "<"
    follow = _chunks(file, f"{order}4sI", 2)
    wide, place = 0, first + 12
    while place < size:
        name, behind = follow(place)
        if name == b"ds64":
            wide = place + 16
        if name == b"data":
            (length,) = struct.unpack(f"{order}I", _at(file, place + 4, 4))
            if not (wide and length == 0xFFFFFFFF):
                return _chunked(file, size, place + 8, length, (place + 4, f"{order}I"), follow)
            (length,) = struct.unpack("<Q", _at(file, wide, 8))
            return _chunked(file, size, place + 8, length, (wide, "<Q"), follow)
        place = behind
    return None


def _w64(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    """Chunks with names of 16 bytes and sizes that count their 24 bytes of header."""

    def follow(place: int) -> tuple[bytes, int]:
        name, guid, length = struct.unpack("<4s12sQ", _at(file, place, 24))
        if not guid.endswith(W64_NAMES):
            raise ValueError(f"no chunk at {place}")
        return name, place + max(24, -(-length // 8) * 8)

    if (found := _first_of((b"data",), follow, 40, size)) is None:
        return None
    _, place = found
    (length,) = struct.unpack("<Q", _at(file, place + 16, 8))
    return _chunked(file, size, place + 24, max(0, length - 24), (place + 16, "<Q"), follow, 24)


def _iff(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    """AIFF and AIFC (SSND, with two numbers ahead of the samples), and 8SVX and 16SV (BODY)."""
    follow = _chunks(file, ">4sI", 2)
    if (found := _first_of((b"SSND", b"BODY"), follow, 12, size)) is None:
        return None
    name, place = found
    before = 8 if name == b"SSND" else 0
    (length,) = struct.unpack(">I", _at(file, place + 4, 4))
    return _chunked(file, size, place + 8 + before, max(0, length - before), (place + 4, ">I"), follow, before)


def _caf(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    """Chunks with sizes of 8 bytes, of which -1 is an open one; an edit count is ahead of the samples."""
    follow = _chunks(file, ">4sq", 1)
    if (found := _first_of((b"data",), follow, 8, size)) is None:
        return None
    _, place = found
    (length,) = struct.unpack(">q", _at(file, place + 4, 8))
    return _chunked(file, size, place + 16, max(0, length - 4), (place + 4, ">q"), follow, 4)


def _au(file: BinaryIO, size: int, head: bytes, first: int) -> Sound:
    order = ">" if head[:4] == b".snd" else "<"
    start, length = struct.unpack(f"{order}II", head[4:12])
    return _chunked(file, size, start, length, (8, f"{order}I"))


def _voc(file: BinaryIO, size: int, head: bytes, first: int) -> Sound:
    """Blocks: type, size in three bytes; a type of 0 ends them."""
    place = start = struct.unpack("<H", head[20:22])[0]
    while (block := _at(file, place, 4)) and block[0]:
        place += 4 + int.from_bytes(block[1:], "little")
    return Sound(start, place, _unknown(file, place + 1, size))


def _nist(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    start = int(head[8:16])
    lines = [line.split() for line in _at(file, 0, start).splitlines()[2:]]
    fields = {line[0]: line[2] for line in lines if len(line) == 3}
    if fields.get(b"sample_coding", b"pcm") not in (b"pcm", b"ulaw", b"alaw", b"mu-law"):
        return None  # compressed
    count, width, channels = (int(fields[name]) for name in (b"sample_count", b"sample_n_bytes", b"channel_count"))
    return _whole(file, size, start, count * width * channels)


def _avr(file: BinaryIO, size: int, head: bytes, first: int) -> Sound:
    channels, bits, frames = (2 if head[12:14] == b"\xff\xff" else 1), *struct.unpack(">H10xI", head[14:30])
    return _whole(file, size, 128, frames * channels * bits // 8)


def _mat4(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    """Matrices: type, rows, columns, imaginary, length of the name; name, values."""
    order = "<" if head[:4] == b"\0\0\0\0" else ">"
    place = 0
    while place < size:
        kind, rows, columns, imaginary, name = struct.unpack(f"{order}5I", _at(file, place, 20))
        width = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}[kind // 10 % 10]
        start = place + 20 + name
        place = start + rows * columns * width * (1 + imaginary)
    return Sound(start, place)


def _mat5(file: BinaryIO, size: int, head: bytes, first: int) -> Sound:
    """Elements: type, size; the last one is the sound's matrix, whose size libsndfile gives by one header too many."""
    order = "<" if _at(file, 126, 2) == b"IM" else ">"
    place = stop = 128
    while len(element := _at(file, place, 8)) == 8 and any(element):
        stop = place + struct.unpack(f"{order}I", element[4:])[0]
        place = -(-(stop + 8) // 8) * 8
    return Sound(128, stop)


def _mpc2k(file: BinaryIO, size: int, head: bytes, first: int) -> Sound:
    return _whole(file, size, 42, 2 * (1 + head[21]) * struct.unpack("<I", head[30:34])[0])


def _wve(file: BinaryIO, size: int, head: bytes, first: int) -> Sound:
    return _whole(file, size, 32, struct.unpack(">I", head[18:22])[0])


def _flac(file: BinaryIO, size: int, head: bytes, first: int) -> Sound | None:
    """Frames of more bytes than the header's samples have hold more of them; of a cut the decoder tells."""
    place, last = first + 4, False
    bits = int.from_bytes(head[18:26], "big")  # rate 20, channels - 1 3, bits - 1 5, samples 36
    samples, channels, width = bits & (2**36 - 1), (bits >> 41 & 7) + 1, (bits >> 36 & 31) + 1
    while not last:
        block = _at(file, place, 4)
        last, place = bool(block[0] & 0x80), place + 4 + int.from_bytes(block[1:], "big")
    length = samples * channels * (width + 1) // 8 + samples // 16 + 8192  # at most
    return Sound(place, place + length, size - place - length) if samples and size - place > length else None


READERS: tuple[tuple[bytes, Callable[[BinaryIO, int, bytes, int], Sound | None]], ...] = (
    *((name, _riff) for name in (b"RIFF", b"RIFX", b"RF64", b"BW64")),
    (b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000"), _w64),
    (b"FORM", _iff),
    (b"caff", _caf),
    (b".snd", _au),
    (b"dns.", _au),
    (b"Creative Voice File\x1a", _voc),
    (b"NIST_1A", _nist),
    (b"2BIT", _avr),
    (b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", _mat4),
    (b"\0\0\x03\xe8\0\0\0\1\0\0\0\1\0\0\0\0", _mat4),
    (b"MATLAB 5.0", _mat5),
    (b"\1\4", _mpc2k),
    (b"ALawSoundFile**\0", _wve),
    (b"fLaC", _flac),
)
"""How a file begins -> what reads its header: (file, size, first 40 bytes, their place)."""


def _first_of(names: tuple[bytes, ...], follow: Follow, place: int, size: int) -> tuple[bytes, int] | None:
    """The name and place of the first chunk of these names, from `place` on; None where the file has none."""
    while place < size:
        name, behind = follow(place)
        if name in names:
            return name, place
        place = behind
    return None


def _chunks(file: BinaryIO, form: str, align: int) -> Follow:
    header = struct.calcsize(form)

    def follow(place: int) -> tuple[bytes, int]:
        name, length = struct.unpack(form, _at(file, place, header))
        if not _is_name(name):
            raise ValueError(f"no chunk at {place}")
        return name, place + header + max(0, -(-length // align) * align)

    return follow


def _chunked(
    file: BinaryIO,
    size: int,
    start: int,
    length: int,
    field: tuple[int, str],
    follow: Follow | None = None,
    counted: int = 0,
) -> Sound:
    """Samples from `start`, `length` bytes of them, before further chunks; 0 may stand for an open size."""
    stop = start + length
    if length == 0:
        return Sound(start, start if _unknown(file, start, size, follow) == 0 else None, 0, field, counted)
    if stop > size and _is_open(length + counted):
        return Sound(start, None, 0, field, counted)
    behind = min(_unknown(file, place, size, follow) for place in {stop, stop + stop % 2, -(-stop // 8) * 8})
    return Sound(start, stop, behind, field, counted)


def _whole(file: BinaryIO, size: int, start: int, length: int) -> Sound:
    """Samples that nothing follows."""
    return Sound(start, start + length, _unknown(file, start + length, size))


def _unknown(file: BinaryIO, place: int, size: int, follow: Follow | None = None) -> int:
    """How many bytes from `place` on are neither chunks, nor a tag, nor zeros."""
    while place < size:
        if _at(file, place, 12).startswith(TAGS):
            return 0
        if follow is None:
            break
        try:
            name, stop = follow(place)
        except (struct.error, ValueError):
            break
        if name in SOUNDS or not (name in CHUNKS or stop <= size + 1):
            break
        place = stop
    file.seek(place)
    while block := file.read(1 << 20):
        if block.strip(b"\0"):
            return size - place
    return 0


def _is_open(size: int) -> bool:
    return any(abs(size - power) <= NEAR for power in (2**31, 2**32, 2**63, 2**64)) or size == ROUND


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)
