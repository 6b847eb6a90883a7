"""The plan and the journal of an extraction in progress.

The plan is written once, in the beginning. The journal gets a line for the batches that were finished since its last
line, with a seal that binds the line to its extraction and its number.
"""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from downstream.disk.files import append_whole, fingerprint, sync
from downstream.disk.sums import CHANGED, place_of, read_sealed, seal_of, write_sealed
from downstream.embedder import Tap
from downstream.store.index import PLACE_PARTS
from downstream.store.number_format import FLOAT32

PLAN, JOURNAL = "plan.json", "journal.jsonl"


@dataclass(frozen=True)
class Plan:
    """What an extraction computes.

    Attributes:
        dims: tap -> width.
        batches: the files of each batch, in order.
        origin: for people: `embedder`, its name, and `clips`, task and split.
        formats: tap -> name of its `NumberFormat`; taps of float32 may be absent.
    """

    dims: Mapping[Tap, int]
    batches: Sequence[Sequence[str]]
    origin: Mapping[str, str]
    formats: Mapping[Tap, str] = field(default_factory=dict)

    @property
    def folder_name(self) -> str:
        """The name of the extraction's folder, which is the same for the same taps."""
        return f".partial-{fingerprint(sorted(self._taps(), key=str))}"

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """Read the plan of the extraction in a folder.

        Raises:
            ValueError: names an extraction whose plan is absent, or a plan that was changed.
        """
        try:
            values = read_sealed(folder / PLAN, place_of(folder, PLACE_PARTS))
        except (FileNotFoundError, IsADirectoryError):
            raise ValueError(f"{folder}: has no plan") from None
        dims = {(level, window): dim for level, window, dim, *_ in values["taps"]}
        formats = {(level, window): name for level, window, _, *names in values["taps"] for name in names}
        return cls(dims, values["batches"], values["about"], formats)

    def write(self, folder: Path) -> None:
        batches = [list(batch) for batch in self.batches]
        values = {"taps": self._taps(), "batches": batches, "about": dict(self.origin)}
        write_sealed(folder / PLAN, values, place_of(folder, PLACE_PARTS))

    def _taps(self) -> list[list[str | int | None]]:
        return [[*tap, dim, *self._format(tap)] for tap, dim in self.dims.items()]

    def _format(self, tap: Tap) -> list[str]:
        """The name of a tap's format; nothing for float32, as in all plans of earlier versions."""
        name = self.formats.get(tap, FLOAT32.name)
        return [] if name == FLOAT32.name else [name]


class JournalEntry(NamedTuple):
    """The batches that were finished since the last entry.

    Attributes:
        lengths: the number of rows of each file.
        times: the number of timestamps.
        sums: name of a data file -> sum of its data up to the end of these batches.
        batches: how many there are; earlier versions wrote a line a batch, without this number.
    """

    lengths: list[int]
    times: int
    sums: dict[str, str]
    batches: int = 1


class Journal:
    """The journal of the extraction in a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self._place = place_of(folder, PLACE_PARTS)

    def entries(self) -> list[JournalEntry]:
        """What is finished; a last line that was cut off by a kill does not count.

        Raises:
            ValueError: names a journal that was changed.
        """
        return list(self._entries())

    def append(self, entry: JournalEntry, number: int) -> None:
        """Make an entry the line of this number, counted from 0, and flush it to the disk.

        What stands there already is cut off: a line that a kill cut short, or one whose writing a signal interrupted.
        """
        line = json.dumps([*entry, seal_of(entry, f"{self._place} {number}")]).encode() + b"\n"
        before = sum(map(len, self._lines()[:number]))
        with self.path.open("ab", buffering=0) as file:
            file.truncate(before)
            append_whole(file, line)
            sync(file)

    def _entries(self) -> Iterator[JournalEntry]:
        for number, line in enumerate(self._lines()):
            try:
                *values, seal = json.loads(line)
                entry, intact = JournalEntry(*values), seal == seal_of(values, f"{self._place} {number}")
            except (ValueError, TypeError, RecursionError):
                intact = False
            if not intact:
                raise ValueError(f"{self.path}: its line {number + 1} is {CHANGED}")
            yield entry

    def _lines(self) -> list[bytes]:
        """The whole lines."""
        if self.path.is_dir():
            raise ValueError(f"{self.path}: {CHANGED}")
        content = self.path.read_bytes() if self.path.is_file() else b""
        return content[: content.rfind(b"\n") + 1].splitlines(keepends=True)


def remove_extraction(path: Path) -> None:
    """Remove an extraction, its plan first: without a plan, what a kill leaves is a leftover."""
    with contextlib.suppress(IsADirectoryError):  # not a plan: it goes with the rest
        (path / PLAN).unlink(missing_ok=True)
    shutil.rmtree(path)
