"""Whether MPEG audio and Ogg files end where they should: both are streams, whose headers need not give a length.

Sources: ISO/IEC 11172-3 and 13818-3 (frame headers), RFC 3533 (Ogg); the Xing and VBRI headers as LAME and Fraunhofer's
encoder write them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SEARCHED = 65536  # bytes in which the first frame has to be
TAIL = 65307 + 27  # the longest Ogg page
WALKED = 16384  # bytes at the end of an MPEG file whose frames are followed
IN_A_ROW = 3  # frames that follow one another tell that they are frames
KBITS = {  # by (MPEG 1, layer), for the codes 1 to 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44100, 48000, 32000)  # of MPEG 1, in Hz; half of it in MPEG 2, a quarter in 2.5


def fault(file: BinaryIO, size: int) -> str:
    """Say why an MPEG or Ogg file is not whole; "" for one that is, and for other files."""
    file.seek(0)
    if file.read(4) == b"OggS":
        return _ogg_fault(file, size)
    found = _mpeg(file, size)
    return "" if found is None else _mpeg_fault(file, size, found)


def behind_id3(head: bytes) -> int:
    """Where an ID3 tag of the first 10 bytes ends; 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return 10 + length + (10 if head[5] & 0x10 else 0)


def missing_header(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    """A frame that says how many frames an MPEG file has, and its place; None where nothing depends on it.

    Without such a frame the length is guessed from the first frame's bit rate, which is wrong where rates vary.
    """
    found = _mpeg(file, size)
    if found is None or found.head[1] >> 1 & 3 != 1 or _promised(found.head)[0]:  # layer 3 alone has such frames
        return None
    file.seek(found.start)
    data = file.read(found.stop - found.start)
    place = count = 0
    rates = set()
    while length := frame_bytes(data[place : place + 4]):
        rates.add(data[place + 2] >> 4)
        place, count = place + length, count + 1
    if len(rates) < 2:
        return None
    for code in range(1, 15):
        header = bytes([0xFF, data[1] | 1, code << 4 | data[2] & 0x0C, data[3]])
        if (length := frame_bytes(header)) >= 64:
            break
    xing = b"Xing" + struct.pack(">III", 3, count, length + place)
    return found.start, (header + bytes(_side(header)) + xing).ljust(length, b"\0")


def _ogg_fault(file: BinaryIO, size: int) -> str:
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    place = tail.rfind(b"OggS")
    page = tail[place:]
    segments = page[26] if len(page) > 26 else 0
    if place < 0 or len(page) < 27 + segments or len(page) < 27 + segments + sum(page[27 : 27 + segments]):
        return f"cut short, its {size} bytes end inside a page"
    if not page[5] & 4:
        return f"cut short, its {size} bytes end without a last page"
    return "holds several sounds one after the other, of which the first alone is read" if _is_chained(file) else ""


def _is_chained(file: BinaryIO) -> bool:
    """Whether a first page comes behind pages of sound."""
    place, sounding = 0, False
    while True:
        file.seek(place)
        page = file.read(27 + 255)
        if len(page) < 27 or page[:4] != b"OggS":
            return False
        if (is_first := bool(page[5] & 2)) and sounding:
            return True
        sounding = not is_first
        place += 27 + page[26] + sum(page[27 : 27 + page[26]])


@dataclass(frozen=True)
class _Frames:
    """Where MPEG frames lie: the first byte, the byte behind them (tags apart), and how they begin."""

    start: int
    stop: int
    head: bytes


def _mpeg(file: BinaryIO, size: int) -> _Frames | None:
    """The frames of an MPEG file; None for another one."""
    file.seek(0)
    head = file.read(10)
    first = behind_id3(head)
    if not (first or frame_bytes(head)):
        return None
    file.seek(first)
    head = file.read(SEARCHED)
    if head[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM"):  # a tag in front of another container
        return None
    start = next((place for place in _syncs(head) if _in_a_row(head, place)), None)
    return None if start is None else _Frames(first + start, size - _tags(file, size), head[start:])


def _mpeg_fault(file: BinaryIO, size: int, found: _Frames) -> str:
    promised, length = _promised(found.head)
    if length:
        stop = found.start + length
        if stop > size:
            return f"cut short, {size} bytes where its header promises {stop}"
        if found.stop - stop > max(4096, length // 10):
            more = f"{found.stop - stop} bytes more lie behind them"
            return f"its header is wrong, it gives {length} bytes of sound, but {more}; write the file anew"
    if promised:
        return ""
    begin = max(found.start, found.stop - WALKED)
    file.seek(begin)
    tail = file.read(found.stop - begin)
    place = next((at for at in _syncs(tail) if _in_a_row(tail, at)), None)
    while place is not None and (length := frame_bytes(tail[place : place + 4])):
        if place + length > len(tail):
            return f"cut short, its last frame lacks {place + length - len(tail)} of {length} bytes"
        place += length
    return ""


def _promised(head: bytes) -> tuple[bool, int]:
    """Whether the first frame gives the stream's length (Xing, Info or VBRI), and its bytes; 0 if not said."""
    place = 4 + _side(head) + (0 if head[1] & 1 else 2)
    if head[place : place + 4] in (b"Xing", b"Info"):
        flags = head[place + 7]
        where = place + 8 + (4 if flags & 1 else 0)
        return bool(flags & 1), struct.unpack(">I", head[where : where + 4])[0] if flags & 2 else 0
    if head[36:40] == b"VBRI":
        return True, struct.unpack(">I", head[46:50])[0]
    return False, 0


def _side(head: bytes) -> int:
    """Bytes of side information behind the header of a frame of layer 3."""
    mono, mpeg1 = head[3] >> 6 == 3, head[1] >> 3 & 3 == 3
    return {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[mpeg1, mono]


def _tags(file: BinaryIO, size: int) -> int:
    """Bytes of the ID3v1 and APE tags at the end."""
    found = 0
    file.seek(max(0, size - 128))
    if file.read(3) == b"TAG":
        found = 128
    file.seek(max(0, size - found - 32))
    footer = file.read(32)
    if footer[:8] == b"APETAGEX":
        found += struct.unpack("<I", footer[12:16])[0] + (32 if footer[23] & 0x80 else 0)
    return min(found, size)


def _syncs(data: bytes) -> Iterator[int]:
    place = data.find(b"\xff")
    while place >= 0:
        if frame_bytes(data[place : place + 4]):
            yield place
        place = data.find(b"\xff", place + 1)


def _in_a_row(data: bytes, place: int) -> bool:
    """Whether frames follow one another from there, as far as the data goes."""
    for _ in range(IN_A_ROW):
        if place + 4 > len(data):
            return True
        if not (length := frame_bytes(data[place : place + 4])):
            return False
        place += length
    return True


def frame_bytes(header: bytes) -> int:
    """The bytes of a frame, by its first four; 0 where they are none's."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    code, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or code in (0, 15) or rate == 3:
        return 0
    hertz = RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    bits = KBITS[version == 3, layer][code - 1] * 1000
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding
