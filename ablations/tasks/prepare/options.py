"""The choices that a user has when a task is made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ablations.tasks.prepare.checks import ALLOWABLE, DROPPABLE
from downstream.sound.decode import HIGHEST_RATE, LOWEST_RATE


@dataclass(frozen=True)
class Options:
    """How a task is made of a list.

    Attributes:
        audio: folders of the files; empty for the list's folder.
        rates: sample rates of the task in Hz; empty for the highest rate of the files.
        folds: number of folds to draw if the list has neither split nor fold; without `valid`, one such part of the
            training files becomes the validation split.
        seed: seed of everything that is drawn.
        metrics: HEAR's names; empty for the default of the task's kind.
        labels: a CSV file with the vocabulary; None for the labels that occur.
        seconds: length that every clip should have; None for any.
        allow: kinds of findings that do not stop the task.
        drop: kinds of findings whose files are left out.
        grid: event post-processing in ms, by `median_filter_ms` and `min_duration`.
        workers: number of threads; None for one a core.

    Raises:
        ValueError: names the option, the value got and what was expected.
    """

    audio: tuple[Path, ...] = ()
    rates: tuple[int, ...] = ()
    folds: int = 5
    seed: int = 0
    metrics: tuple[str, ...] = ()
    labels: Path | None = None
    seconds: float | None = None
    allow: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    grid: Mapping[str, Sequence[float]] = field(default_factory=dict)
    workers: int | None = None

    def __post_init__(self) -> None:
        for name, kinds, known in (("allow", self.allow, ALLOWABLE), ("drop", self.drop, DROPPABLE)):
            if unknown := [kind for kind in kinds if kind not in known]:
                raise ValueError(f"{name} must be of {', '.join(known)}, got {unknown[0]!r}")
        if self.folds < 3:
            raise ValueError(f"folds must be at least 3 (train, valid, test), got {self.folds}")
        if wrong_rates := [rate for rate in self.rates if not LOWEST_RATE <= rate <= HIGHEST_RATE]:
            raise ValueError(f"rate must be {LOWEST_RATE} to {HIGHEST_RATE} Hz, got {wrong_rates[0]}")
        lengths = {"seconds": [self.seconds] if self.seconds is not None else [], **self.grid}
        for name, values in lengths.items():
            if wrong_values := [value for value in values if not 0 <= value < math.inf]:
                raise ValueError(f"{name} must be a number of at least 0, got {wrong_values[0]}")
