"""Read which recordings each instrument of a soundfont is made of.

The format is SoundFont 2.04 (E-mu, 2006): a RIFF file whose list `pdta` holds tables of presets, instruments and
samples. Presets refer to rows of the instruments, and instruments to rows of the samples.
"""

import struct
from collections.abc import Iterator, Mapping
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
STEREO = (2, 4)  # channels of samples that have a partner


def samples_of(soundfont: Path) -> dict[int, frozenset[int]]:
    """Find the recordings of each General MIDI program.

    Args:
        soundfont: the file.

    Returns:
        Program (0 to 127) -> where its recordings begin in the soundfont, in samples; a stereo pair is one recording.

    Raises:
        FileNotFoundError, ValueError: the file is absent, or is no soundfont.
    """
    tables = {name: np.frombuffer(content, TABLES[name]) for name, content in _tables(soundfont)}
    if absent := [name for name in TABLES if name not in tables]:
        raise ValueError(f"{soundfont}: no soundfont (SF2): it has no table {absent[0]}")
    presets, instruments, samples = tables["phdr"], tables["inst"], tables["shdr"]
    programs = {}
    for i in np.flatnonzero(presets["bank"][:-1] == 0):
        starts = set()
        for instrument in _values(tables, "pbag", "pgen", INSTRUMENT, *presets["bag"][i : i + 2]):
            for sample in _values(tables, "ibag", "igen", SAMPLE, *instruments["bag"][instrument : instrument + 2]):
                starts.add(_start(samples, sample))
        programs[int(presets["preset"][i])] = frozenset(starts)
    return programs


def _start(samples: np.ndarray, number: int) -> int:
    """Where a sample begins, or its partner in a stereo pair if that is first.

    The two samples of a pair must name each other.
    """
    row = samples[number]
    paired = row["channel"] in STEREO and row["link"] < len(samples) and samples[row["link"]]["link"] == number
    return int(min(row["start"], samples[row["link"]]["start"]) if paired else row["start"])


def _values(
    tables: Mapping[str, np.ndarray], bags: str, generators: str, kind: int, first: int, last: int
) -> list[int]:
    """The rows that generators of a kind refer to, in the zones from `first` to `last`."""
    begin, end = tables[bags]["first"][[first, last]]
    rows = tables[generators][begin:end]
    return [int(value) for value in rows["value"][rows["kind"] == kind]]


def _tables(soundfont: Path) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the tables in `pdta`."""
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
