"""Find the samples in a file by the header of its container: a reader for each format.

Containers made of chunks are in `chunk_headers`; here are AU, VOC, NIST SPHERE, AVR, MATLAB 4 and 5, MPC 2000, WVE and
FLAC. HTK needs no reader, since libsndfile refuses HTK files that were cut. Headers of IRCAM, PAF, PVF and SDS give no
length, and XI is the format of an instrument: `decode` refuses them.

Sources: RFC 9639 (FLAC); the headers that libsndfile 1.2 writes.
"""

import struct
from collections.abc import Callable

from downstream.sound.chunk_headers import W64_START, caf, iff, riff, w64
from downstream.sound.extent import AudioFile, Extent, SizeField, extent_in_chunks, extent_to_end, unknown_bytes


def _au(audio: AudioFile) -> Extent:
    order = ">" if audio.head[:4] == b".snd" else "<"
    start, length = struct.unpack(f"{order}II", audio.head[4:12])
    return extent_in_chunks(audio, start, length, SizeField(8, f"{order}I"))


def _voc(audio: AudioFile) -> Extent:
    """Blocks of a type and a size in three bytes; a type of 0 ends them."""
    place = start = struct.unpack("<H", audio.head[20:22])[0]
    while (block := audio.at(place, 4)) and block[0]:
        place += 4 + int.from_bytes(block[1:], "little")
    return Extent(start, place, unknown_bytes(audio, place + 1))


def _nist(audio: AudioFile) -> Extent | None:
    start = int(audio.head[8:16])
    lines = [line.split() for line in audio.at(0, start).splitlines()[2:]]
    fields = {line[0]: line[2] for line in lines if len(line) == 3}
    if fields.get(b"sample_coding", b"pcm") not in (b"pcm", b"ulaw", b"alaw", b"mu-law"):
        return None  # compressed
    count, width, channels = (int(fields[name]) for name in (b"sample_count", b"sample_n_bytes", b"channel_count"))
    return extent_to_end(audio, start, count * width * channels)


def _avr(audio: AudioFile) -> Extent:
    channels = 2 if audio.head[12:14] == b"\xff\xff" else 1
    bits, frames = struct.unpack(">H10xI", audio.head[14:30])
    return extent_to_end(audio, 128, frames * channels * bits // 8)


def _mat4(audio: AudioFile) -> Extent:
    """Matrices: type, rows, columns, imaginary, length of the name; then name and values."""
    order = "<" if audio.head[:4] == b"\0\0\0\0" else ">"
    place = start = 0
    while place < audio.size:
        kind, rows, columns, imaginary, name = audio.unpacked(f"{order}5I", place)
        width = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}[kind // 10 % 10]
        start = place + 20 + name
        place = start + rows * columns * width * (1 + imaginary)
    return Extent(start, place)


def _mat5(audio: AudioFile) -> Extent:
    """Elements of a type and a size; the last is the sound.

    libsndfile writes its size larger by one header.
    """
    order = "<" if audio.at(126, 2) == b"IM" else ">"
    place = stop = 128
    while len(element := audio.at(place, 8)) == 8 and any(element):
        stop = place + struct.unpack(f"{order}I", element[4:])[0]
        place = -(-(stop + 8) // 8) * 8
    return Extent(128, stop)


def _mpc2k(audio: AudioFile) -> Extent:
    return extent_to_end(audio, 42, 2 * (1 + audio.head[21]) * struct.unpack("<I", audio.head[30:34])[0])


def _wve(audio: AudioFile) -> Extent:
    return extent_to_end(audio, 32, struct.unpack(">I", audio.head[18:22])[0])


def _flac(audio: AudioFile) -> Extent | None:
    """The largest extent of the header's samples; None for shorter files.

    The decoder reports if these were cut.
    """
    place, last = audio.first + 4, False
    bits = int.from_bytes(audio.head[18:26], "big")  # rate 20, channels - 1 3, bits - 1 5, samples 36
    samples, channels, width = bits & (2**36 - 1), (bits >> 41 & 7) + 1, (bits >> 36 & 31) + 1
    while not last:
        block = audio.at(place, 4)
        last, place = bool(block[0] & 0x80), place + 4 + int.from_bytes(block[1:], "big")
    length = samples * channels * (width + 1) // 8 + samples // 16 + 8192
    more = audio.size - place - length
    return Extent(place, place + length, more) if samples and more > 0 else None


READERS: tuple[tuple[bytes, Callable[[AudioFile], Extent | None]], ...] = (
    *((name, riff) for name in (b"RIFF", b"RIFX", b"RF64", b"BW64")),
    (W64_START, w64),
    (b"FORM", iff),
    (b"caff", caf),
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
"""How a container begins -> the reader of its header."""
