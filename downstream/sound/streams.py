"""Check that MPEG audio and Ogg files end where they should.

Both are streams, whose headers need not give a length.

Sources: ISO/IEC 11172-3 and 13818-3 (frame headers), RFC 3533 (Ogg); the Xing and VBRI headers as LAME and Fraunhofer's
encoder write them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from downstream.sound.extent import AudioFile

SEARCHED = 65536  # bytes within which the first frame must start
TAIL = 65307 + 27  # the longest Ogg page
WALKED = 16384  # bytes at the end of an MPEG file whose frames are followed
IN_A_ROW = 3  # frames that must follow one another, to be taken for frames
KBITS = {  # by (MPEG 1, layer), for the codes 1 to 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44100, 48000, 32000)  # of MPEG 1, in Hz; half of it in MPEG 2, a quarter in 2.5


def fault(audio: AudioFile) -> str:
    """Say why an MPEG or Ogg file is not whole; "" for one that is, and for other files."""
    if audio.at(0, 4) == b"OggS":
        return _ogg_fault(audio)
    frames = _mpeg(audio)
    return "" if frames is None else _mpeg_fault(audio, frames)


def behind_id3(head: bytes) -> int:
    """Where the ID3 tag that begins with the first 10 bytes ends; 0 without a tag."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return 10 + length + (10 if head[5] & 0x10 else 0)


def missing_header(audio: AudioFile) -> tuple[int, bytes] | None:
    """Make the missing header frame of an MPEG file; None if the file has one, or needs none.

    Without it, libsndfile guesses the length from the bit rate of the first frame, which is wrong if rates vary.

    Returns:
        The place of the frame, and its bytes, which say how many frames the file has.
    """
    frames = _mpeg(audio)
    if frames is None or frames.head[1] >> 1 & 3 != 1 or _promised(frames.head)[0]:  # only layer 3 has such frames
        return None
    data = audio.at(frames.start, frames.stop - frames.start)
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
    return frames.start, (header + bytes(_side(header)) + xing).ljust(length, b"\0")


def _ogg_fault(audio: AudioFile) -> str:
    size = audio.size
    tail = audio.at(max(0, size - TAIL), TAIL)
    place = tail.rfind(b"OggS")
    page = tail[place:]
    segments = page[26] if len(page) > 26 else 0
    if place < 0 or len(page) < 27 + segments or len(page) < 27 + segments + sum(page[27 : 27 + segments]):
        return f"cut short, its {size} bytes end inside a page"
    if not page[5] & 4:
        return f"cut short, its {size} bytes end without a last page"
    return "holds several sounds one after the other, of which the first alone is read" if _is_chained(audio) else ""


def _is_chained(audio: AudioFile) -> bool:
    """Whether a first page follows pages of sound."""
    place, sounding = 0, False
    while True:
        page = audio.at(place, 27 + 255)
        if len(page) < 27 or page[:4] != b"OggS":
            return False
        if (is_first := bool(page[5] & 2)) and sounding:
            return True
        sounding = not is_first
        place += 27 + page[26] + sum(page[27 : 27 + page[26]])


@dataclass(frozen=True)
class _Frames:
    """MPEG frames, without tags: the first byte, the byte behind the last, and their beginning."""

    start: int
    stop: int
    head: bytes


def _mpeg(audio: AudioFile) -> _Frames | None:
    """The frames of an MPEG file; None for another file."""
    head = audio.at(0, 10)
    first = behind_id3(head)
    if not (first or frame_bytes(head)):
        return None
    head = audio.at(first, SEARCHED)
    if head[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM"):  # a tag ahead of another container
        return None
    start = next((place for place in _syncs(head) if _in_a_row(head, place)), None)
    return None if start is None else _Frames(first + start, audio.size - _tags(audio), head[start:])


def _mpeg_fault(audio: AudioFile, frames: _Frames) -> str:
    promised, length = _promised(frames.head)
    if length:
        stop = frames.start + length
        if stop > audio.size:
            return f"cut short, {audio.size} bytes where its header promises {stop}"
        if frames.stop - stop > max(4096, length // 10):
            more = f"{frames.stop - stop} bytes more lie behind them"
            return f"its header is wrong, it gives {length} bytes of sound, but {more}; write the file anew"
    if promised:
        return ""
    begin = max(frames.start, frames.stop - WALKED)
    tail = audio.at(begin, frames.stop - begin)
    place = next((at for at in _syncs(tail) if _in_a_row(tail, at)), None)
    while place is not None and (length := frame_bytes(tail[place : place + 4])):
        if place + length > len(tail):
            return f"cut short, its last frame lacks {place + length - len(tail)} of {length} bytes"
        place += length
    return ""


def _promised(head: bytes) -> tuple[bool, int]:
    """Whether the first frame gives the stream's length, and its bytes; 0 if not given.

    Such frames are called Xing, Info or VBRI.
    """
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


def _tags(audio: AudioFile) -> int:
    """Bytes of the ID3v1 and APE tags at the end."""
    size = audio.size
    length: int = 128 if audio.at(max(0, size - 128), 3) == b"TAG" else 0
    footer = audio.at(max(0, size - length - 32), 32)
    if footer[:8] == b"APETAGEX":
        length += struct.unpack("<I", footer[12:16])[0] + (32 if footer[23] & 0x80 else 0)
    return min(length, size)


def _syncs(data: bytes) -> Iterator[int]:
    """The places of bytes that look like the header of a frame."""
    place = data.find(b"\xff")
    while place >= 0:
        if frame_bytes(data[place : place + 4]):
            yield place
        place = data.find(b"\xff", place + 1)


def _in_a_row(data: bytes, place: int) -> bool:
    """Whether frames follow one another from `place` on, as far as the data goes."""
    for _ in range(IN_A_ROW):
        if place + 4 > len(data):
            return True
        if not (length := frame_bytes(data[place : place + 4])):
            return False
        place += length
    return True


def frame_bytes(header: bytes) -> int:
    """The length of a frame by its first 4 bytes; 0 if they are not the header of a frame."""
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
