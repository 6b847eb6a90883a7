"""A folder of clips with its list, as `ablate prepare` takes it."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from downstream.disk.files import write_atomically

Values = Mapping[str, Any]
"""Column of the list -> value."""


@dataclass(frozen=True)
class Clips:
    """A folder that is being filled, and the rows that its list will have."""

    folder: Path
    rows: list[Values] = field(default_factory=list)

    def add(self, file: str, sound: np.ndarray, rate: int, row: Values, events: Iterable[Values] = ({},)) -> None:
        """Write a clip as FLAC of 16 bits, and note its rows.

        Args:
            file: its name in the folder.
            sound: (samples,) in [-1, 1], at `rate` Hz.
            row: its columns.
            events: further columns (label, start, end) of one row an event, for event tasks; a scene has one row.
        """
        content = io.BytesIO()
        soundfile.write(content, sound, rate, format="FLAC", subtype="PCM_16")
        self.add_file(file, content.getvalue(), row, events)

    def add_file(self, file: str, content: bytes, row: Values, events: Iterable[Values] = ({},)) -> None:
        """Write a file as it is, and note its rows as `add` does."""
        write_atomically(self.folder / file, lambda opened: opened.write(content))
        self.rows.extend({"file": file, **row, **event} for event in events)

    def write_list(self) -> Path:
        """Write the rows to `list.csv` in the folder, and return its path."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        path = self.folder / "list.csv"
        write_atomically(path, lambda file: file.write(text.getvalue().encode()))
        return path
