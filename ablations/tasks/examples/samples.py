"""Which recordings the instruments of a soundfont are made of, so that no recording lies in two folds.

The format is SoundFont 2.04 (E-mu, 2006): a RIFF file whose list `pdta` holds tables of presets, instruments and
samples, each but the last refers to rows of the next.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TABLES = {
    "phdr": [("name", "S20"), ("preset", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "V12")],
    "pbag": [("first", "<u2"), ("unused", "V2")],
    "pgen": [("kind", "<u2"), ("value", "<u2")],
    "inst": [("name", "S20"), ("bag", "<u2")],
    "ibag": [("first", "<u2"), ("unused", "V2")],
    "igen": [("kind", "<u2"), ("value", "<u2")],
    "shdr": [("name", "S20"), ("start", "<u4"), ("unused", "V18"), ("link", "<u2"), ("channel", "<u2")],
}
INSTRUMENT, SAMPLE = 41, 53  # kinds of generators
STEREO = (2, 4)  # channel of a sample that has a partner


def samples_of(soundfont: Path) -> dict[int, frozenset[int]]:
    """General MIDI program (0 to 127) -> where its recordings begin in the soundfont, in samples; stereo pairs are one.

    Raises:
        FileNotFoundError, ValueError: for a file that is no soundfont.
    """
    tables = {name: np.frombuffer(content, TABLES[name]) for name, content in _tables(soundfont)}
    if absent := [name for name in TABLES if name not in tables]:
        raise ValueError(f"{soundfont}: no soundfont (SF2): it has no table {absent[0]}")
    presets, instruments, samples = tables["phdr"], tables["inst"], tables["shdr"]
    found = {}
    for i in np.flatnonzero(presets["bank"][:-1] == 0):
        starts = set()
        for instrument in _values(tables, "pbag", "pgen", INSTRUMENT, *presets["bag"][i : i + 2]):
            for sample in _values(tables, "ibag", "igen", SAMPLE, *instruments["bag"][instrument : instrument + 2]):
                starts.add(_start(samples, sample))
        found[int(presets["preset"][i])] = frozenset(starts)
    return found


def _start(samples: np.ndarray, number: int) -> int:
    """Where a sample begins, or its partner in a stereo pair, whichever is first; one-sided links are none."""
    one = samples[number]
    paired = one["channel"] in STEREO and one["link"] < len(samples) and samples[one["link"]]["link"] == number
    return int(min(one["start"], samples[one["link"]]["start"]) if paired else one["start"])


def _values(tables: dict, bags: str, generators: str, kind: int, first: int, last: int) -> list[int]:
    """What the generators of a kind in the zones from `first` to `last` refer to."""
    begin, end = tables[bags]["first"][[first, last]]
    rows = tables[generators][begin:end]
    return [int(value) for value in rows["value"][rows["kind"] == kind]]


def _tables(soundfont: Path) -> Iterator[tuple[str, bytes]]:
    with soundfont.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"sfbk":
            raise ValueError(f"{soundfont}: no soundfont (SF2), got {head!r}")
        while len(chunk := file.read(8)) == 8:
            name, size = chunk[:4].decode("ascii", "replace"), struct.unpack("<I", chunk[4:])[0]
            if name == "LIST":
                if file.read(4) != b"pdta":
                    file.seek(size - 4 + size % 2, 1)
            elif name in TABLES:
                yield name, file.read(size)
            else:
                file.seek(size + size % 2, 1)
