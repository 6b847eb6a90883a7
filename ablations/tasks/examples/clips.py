"""Clips on their way into a task: a folder of sounds with its list, as `ablate prepare` takes it."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from downstream.disk.files import write_atomically


@dataclass(frozen=True)
class Clips:
    """A folder and what its list will say; `rows` is what comes to be."""

    folder: Path
    rows: list[Mapping] = field(default_factory=list)

    def add(self, file: str, sound: np.ndarray, rate: int, events: Iterable[Mapping] | None = None, **row) -> None:
        """Write a clip, FLAC of 16 bits, and its row; of an event task a row an event, with label, start and end."""
        content = io.BytesIO()
        soundfile.write(content, sound, rate, format="FLAC", subtype="PCM_16")
        self.add_file(file, content.getvalue(), events, **row)

    def add_file(self, file: str, content: bytes, events: Iterable[Mapping] | None = None, **row) -> None:
        """The same of a file as it is."""
        write_atomically(self.folder / file, lambda opened: opened.write(content))
        self.rows.extend({"file": file, **row, **event} for event in (events if events is not None else [{}]))

    def write_list(self) -> Path:
        """`list.csv` in the folder."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.folder / "list.csv", lambda file: file.write(text.getvalue().encode()))
        return self.folder / "list.csv"
