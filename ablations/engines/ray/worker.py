"""A worker of Ray: it executes units one by one, and keeps its embedders loaded while units need them.

The probes of different units are not trained together here, as no unit waits for another one.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from ablations.engines.here import broken
from ablations.engines.loaded import Loaded
from ablations.system.memory import keep_freed
from ablations.units.execute import run_unit
from ablations.units.unit import Settings, Unit
from ablations.units.work import UnitResult

PACKAGES = ("ablations", "downstream", "passt")

Logged = tuple[str, int, str]
"""A line of the log: its logger's name, its level and its text."""


@dataclass(frozen=True)
class Answer:
    """The result of a unit, and what was logged meanwhile."""

    result: UnitResult
    logged: tuple[Logged, ...]


@dataclass
class UnitWorker:
    """The actor that Ray starts.

    Attributes:
        settings: how units are executed.
        folder: the driver's working folder, which relative paths start at.
        threads: how many torch may use.
    """

    settings: Settings
    folder: str
    threads: int
    loaded: Loaded = field(init=False)

    def __post_init__(self) -> None:
        self.loaded = Loaded(self.settings)
        os.chdir(self.folder)
        torch.set_num_threads(self.threads)
        keep_freed()

    def run(self, unit: Unit) -> Answer:
        """Execute a unit."""
        with _recorded() as logged:
            try:
                embedders = self.loaded.of(unit.models)
            except Exception as error:
                return Answer(broken(unit, error), tuple(logged))
            result = run_unit(unit, embedders, self.settings)
        return Answer(result, tuple(logged))


class _Recorder(logging.Handler):
    """Keep what is logged as plain texts."""

    def __init__(self, lines: list[Logged]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.levelno, self.format(record)))


@contextlib.contextmanager
def _recorded() -> Iterator[list[Logged]]:
    """Record what the project's packages log, for the driver to log."""
    lines: list[Logged] = []
    handler = _Recorder(lines)
    loggers = [logging.getLogger(package) for package in PACKAGES]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    try:
        yield lines
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
