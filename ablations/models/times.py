"""Times that `ablate benchmark latency` measured, looked up by spec."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from downstream.disk.text_file import read_json
from passt import EmbeddingSpec

THREADS = 1
"""The number of threads whose times are taken: a stream seldom has a machine to itself."""
OWN = "own"
"""The windows of a model that has none, or that reads whole clips."""
Key = tuple[str, str, str]
"""Checkpoint, levels and windows, as rows of the benchmark have them. Weights and hop do not decide a time."""


@dataclass(frozen=True)
class Times:
    """How long a machine takes for one timestamp alone.

    Attributes:
        milliseconds: by what decides them.
        path: of the file.
        machine: in words.
        busy: whether it did other work.
    """

    milliseconds: Mapping[Key, float] = field(default_factory=dict)
    path: Path = Path()
    machine: str = ""
    busy: bool = False

    @classmethod
    def read(cls, path: Path) -> "Times":
        """Read the file that `ablate benchmark latency --out` wrote.

        Raises:
            FileNotFoundError, ValueError: name the file.
        """
        record = read_json(path)
        try:
            rows = [row for row in record["rows"] if row["threads"] == THREADS and not _is_clip(row)]
            milliseconds = {(row["model"], row["levels"], row["windows"]): float(row["compute_ms"]) for row in rows}
            return cls(milliseconds, path, str(record["device"]), bool(record["busy"]))
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path}: expected what `ablate benchmark latency --out` writes") from None

    def of(self, text: str) -> float:
        """The milliseconds of one timestamp of a spec, or of all side by side; NaN if one was not measured."""
        try:
            spec = EmbeddingSpec.parse(text)
        except ValueError:  # rows of another version
            return math.nan
        return sum(self.milliseconds.get(key_of(part), math.nan) for part in spec.parts)

    def origin(self, texts: Iterable[str]) -> str:
        """A line that says where the times of specs are from; empty without a file."""
        if not self.milliseconds:
            return ""
        if all(math.isnan(self.of(text)) for text in texts):
            return f"{self.path} has no time of these variants."
        disturbed = ", which did other work at the time" if self.busy else ""
        return f"Times of one timestamp alone are from {self.path}: {self.machine}{disturbed}; one thread."


NO_TIMES = Times()


def key_of(spec: EmbeddingSpec) -> Key:
    """What decides the time of a spec's timestamp."""
    return spec.checkpoint, "+".join(spec.levels), "+".join(map(str, spec.windows_ms)) or OWN


def _is_clip(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a whole clip in place of one timestamp."""
    return row["windows"] == OWN and row["lookahead_ms"] in (None, row["sound_ms"])
