"""The bars of this project on a GPU, and what was measured of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ablations.benchmarks.gpu import hear
from ablations.benchmarks.gpu.files import PartFile

Parts = Mapping[str, PartFile]
SAID = ("not run", "not measured")
HEADER = ("what", "bar", "aim", "measured", "met")


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        what: is measured.
        bar: the least value, or the most if `at_most`.
        aim: beyond the bar; None if there is none.
        text: how a value is written, such as "{:.0f} x".
        part: that measures it.
        value: finds it in the files of the parts; None if it was not measured.
        lacking: why it may be missing although the part has run.
        at_most: whether smaller is better.
    """

    what: str
    bar: float
    aim: float | None
    text: str
    part: str
    value: Callable[[Parts], float | None]
    lacking: str
    at_most: bool = False

    def row(self, parts: Parts) -> dict[str, str]:
        """Return the row of the page, by `HEADER`."""
        value, sign = self.value(parts), "<=" if self.at_most else ">="
        bar, aim = f"{sign} {self.text.format(self.bar)}", "" if self.aim is None else self.text.format(self.aim)
        if value is None:
            return dict(zip(HEADER, (self.what, bar, aim, self._unknown(parts), ""), strict=True))
        values = (self.what, bar, aim, self.text.format(value), self._verdict(value))
        return dict(zip(HEADER, values, strict=True))

    def _unknown(self, parts: Parts) -> str:
        return f"{SAID[1]}: {self.lacking}" if self.part in parts else SAID[0]

    def _verdict(self, value: float) -> str:
        def reached(bound: float) -> bool:
            return value <= bound if self.at_most else value >= bound

        if self.aim is not None and reached(self.aim):
            return "aim met"
        return "met" if reached(self.bar) else "not met"


def _embedding(step: str, embedding: str, column: str) -> Callable[[Parts], float | None]:
    """Find a column of the base levels in bf16."""

    def value(parts: Parts) -> float | None:
        wanted = {"precision": "bf16", "embedding": embedding, "levels": "base"}
        return _first(parts, "embeddings", step, wanted, column)

    return value


def _all_over_one(parts: Parts) -> float | None:
    step = parts["embeddings"].step("every precision") if "embeddings" in parts else None
    ratios = step.facts.get("all_over_one", {}) if step else {}
    return ratios.get("bf16 scenes")


def _beside_kit(parts: Parts) -> float | None:
    return _first(parts, "probes", "beside hear-eval-kit", {}, "times_kit")


def _hear_minutes(parts: Parts) -> float | None:
    table = hear.estimate(parts)
    return None if table is None else hear.total_seconds(table) / 60


def _first(parts: Parts, part: str, step: str, wanted: Mapping[str, Any], column: str) -> float | None:
    found = parts[part].step(step) if part in parts else None
    rows = found.rows if found else []
    return next((row[column] for row in rows if all(row.get(name) == value for name, value in wanted.items())), None)


BARS = (
    Bar(
        "scenes of 10 s in bf16: share of the device's product rate",
        0.45,
        0.60,
        "{:.0%}",
        "embeddings",
        _embedding("every precision", "scenes", "share"),
        "no row in bf16",
    ),
    Bar(
        "timestamps in bf16: times hear21passt in fp32",
        50,
        None,
        "{:.1f}",
        "embeddings",
        _embedding("beside hear21passt", "timestamps", "times_peer"),
        "no hear21passt",
    ),
    Bar(
        "all levels of scenes in bf16: times one level",
        1.15,
        None,
        "{:.2f}",
        "embeddings",
        _all_over_one,
        "no row in bf16",
        at_most=True,
    ),
    Bar(
        "probes, the whole protocol at ESC-10's size: times hear-eval-kit an epoch",
        15,
        40,
        "{:.1f}",
        "probes",
        _beside_kit,
        "no hear-eval-kit",
    ),
    Bar(
        "one variant on all of HEAR, minutes by measured rates",
        60,
        None,
        "{:.0f}",
        "embeddings",
        _hear_minutes,
        "a part that it needs is missing",
        at_most=True,
    ),
)
