"""What runs in each Ray worker: units, one after the other, by an embedder that stays loaded while units need it."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from ablations.engines.here import broken, build
from ablations.system.memory import keep_freed
from ablations.units.execute import UnitResult, run_unit
from ablations.units.unit import Settings, Unit
from downstream.embedder import Embedder

PACKAGES = ("ablations", "downstream", "passt")


@dataclass(frozen=True)
class Answer:
    """The result of a unit, and what was logged meanwhile: (logger, level, text)."""

    result: UnitResult
    logged: tuple[tuple[str, int, str], ...]


@dataclass
class UnitWorker:
    """An actor.

    Args:
        folder: the driver's working folder, which relative paths start at. threads: of torch.
    """

    settings: Settings
    folder: str
    threads: int
    embedder: Embedder | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        os.chdir(self.folder)
        torch.set_num_threads(self.threads)
        keep_freed()
        self.group = None

    def run(self, unit: Unit) -> Answer:
        """Execute a unit."""
        with _recorded() as logged:
            try:
                embedder = self._embedder_of(unit)
            except Exception as error:
                return Answer(broken(unit, error), tuple(logged))
            result = run_unit(unit, embedder, self.settings)
        return Answer(result, tuple(logged))

    def _embedder_of(self, unit: Unit) -> Embedder:
        if self.embedder is None or self.group != unit.group:
            getattr(self.embedder, "close", lambda: None)()
            self.embedder = None  # not two of them in the memory
            self.embedder = build(unit.models, self.settings)
            self.group = unit.group
        return self.embedder


class _Recorder(logging.Handler):
    """Keeps what is logged as plain texts."""

    def __init__(self, found: list[tuple[str, int, str]]) -> None:
        super().__init__()
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.name, record.levelno, self.format(record)))


@contextlib.contextmanager
def _recorded() -> Iterator[list[tuple[str, int, str]]]:
    """What the project's packages log, which the driver says."""
    found: list[tuple[str, int, str]] = []
    handler = _Recorder(found)
    loggers = [logging.getLogger(package) for package in PACKAGES]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    try:
        yield found
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
