"""A unit that is being executed: its result so far, and the jobs that are ready for their probes."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ablations.study.study import Model
from ablations.units.jobs import Done, Shared, is_done
from ablations.units.kept import lacks_probes
from ablations.units.outcome import Failure
from ablations.units.unit import Settings, Unit, failure_of
from downstream.evaluate import AnyEvaluation
from results.scores.records import NotApplicable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnitResult:
    """The result of a unit, which crosses processes; the scores are in the files of the jobs.

    Attributes:
        done: the jobs that have their files.
        failures: what could not be run.
        not_applicable: models that have no embedding for the task, and why.
    """

    done: tuple[Done, ...] = ()
    failures: tuple[Failure, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()


class UnitWork:
    """A unit that is being executed: what is done of it so far, and what failed."""

    def __init__(self, unit: Unit, settings: Settings) -> None:
        self.unit, self.settings = unit, settings
        self.not_applicable: tuple[NotApplicable, ...] = ()
        self._done: dict[Done, None] = {}
        self._failures: list[Failure] = []

    @property
    def result(self) -> UnitResult:
        """What came of it."""
        return UnitResult(tuple(self._done), tuple(self._failures), self.not_applicable)

    def is_done(self, shared: Shared) -> bool:
        """Whether nothing of a job is left to do. If it has its files, that is noted; its probes may be missing."""
        if not is_done(self.settings.folder, shared.job.key):
            return False
        self.add(shared)
        return not lacks_probes(self.settings.study, self.settings.folder, shared.job.key)

    def add(self, shared: Shared) -> None:
        """Note that a job is done."""
        self._done[Done.of(shared)] = None

    def fail(self, models: Sequence[Model], error: Exception) -> None:
        """Note and log that models could not be run on the task."""
        failure = failure_of(models, self.unit.named.key, error)
        self._failures.append(failure)
        logger.error("%s", failure, exc_info=None if isinstance(error, ValueError | OSError) else error)


@dataclass(frozen=True)
class ReadyJob:
    """A job whose taps are in the store, and its evaluation."""

    work: UnitWork
    shared: Shared
    evaluation: AnyEvaluation


@dataclass(frozen=True)
class ReadyPart:
    """Jobs of a unit that are ready and differ only in taps and seed.

    Attributes:
        title: of their progress.
        jobs: at least one.
        files: about how many are open for them.
        locks: keep their folders of the store from being removed; closed after the evaluation.
    """

    title: str
    jobs: Sequence[ReadyJob]
    files: int
    locks: contextlib.ExitStack
