"""Write notes as a standard MIDI file, in which a tick is a millisecond."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TICKS_PER_BEAT = 1000
BEAT_US = 1_000_000
ALL_SOUND_OFF = 120  # a controller


@dataclass(frozen=True)
class Note:
    """A note.

    Attributes:
        start: when its key is struck, in ms.
        end: when its key is released, in ms.
        key: MIDI's number; 60 is middle C.
        velocity: loudness, 1 to 127.
    """

    start: float
    end: float
    key: int
    velocity: int = 90


def midi_file(program: int, notes: Iterable[Note], silences: Sequence[float] = ()) -> bytes:
    """The content of a MIDI file in which one instrument plays notes.

    Args:
        program: the General MIDI instrument, 0 to 127.
        notes: what it plays.
        silences: times in ms at which everything that sounds is cut off.
    """
    events = [(0, 0, bytes([0xC0, program]))]
    events += [(round(at), 1, bytes([0xB0, ALL_SOUND_OFF, 0])) for at in silences]
    for note in notes:
        events.append((round(note.start), 3, bytes([0x90, note.key, note.velocity])))
        events.append((round(note.end), 2, bytes([0x80, note.key, 0])))
    track, now = bytearray(b"\x00\xff\x51\x03" + BEAT_US.to_bytes(3, "big")), 0
    for at, _, message in sorted(events):
        track += _variable_length(at - now) + message
        now = at
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT)
    return head + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _variable_length(value: int) -> bytes:
    """A number in bytes of seven bits, the highest first.

    All bytes but the last have the eighth bit.
    """
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))
