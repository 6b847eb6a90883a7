"""Well-known encoders: what is known of them without reading their files. Any other encoder works without a row.

The table was written from memory, and never held against the hub. The numbers of parameters are those of the library's
networks with the published sizes, as remembered; an empty field or ? is not known here.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HUB = "https://huggingface.co/"


@dataclass(frozen=True)
class Checkpoint:
    """A repository of the hub.

    Attributes:
        name: ORG/NAME.
        sample_rate: in Hz.
        frame_ms: the time from one frame of its blocks to the next; None if they have no axis of time.
        blocks: the last one is ``block<blocks>``.
        parameters: of its encoder; None if that is not known here.
        license: as remembered of its card; ? if that is not known here.
        source: who published it.
        notes: what else a reader must know; may be empty.
    """

    name: str
    sample_rate: int
    frame_ms: float | None
    blocks: int
    parameters: int | None
    license: str
    source: str
    notes: str

    @property
    def url(self) -> str:
        """Its page."""
        return HUB + self.name


@functools.cache
def table() -> Mapping[str, Checkpoint]:
    """Every row by name, in the order of the file."""
    with Path(__file__).with_name("checkpoints.csv").open(newline="") as file:
        rows = [_from_row(row) for row in csv.DictReader(file)]
    return {row.name: row for row in rows}


def _from_row(row: Mapping[str, str]) -> Checkpoint:
    return Checkpoint(
        name=row["name"],
        sample_rate=int(row["sample_rate"]),
        frame_ms=float(row["frame_ms"]) if row["frame_ms"] else None,
        blocks=int(row["blocks"]),
        parameters=int(row["parameters"]) if row["parameters"] else None,
        license=row["license"],
        source=row["source"],
        notes=row["notes"],
    )
