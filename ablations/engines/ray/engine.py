"""The engine that gives units to workers of Ray.

A worker that dies loses only its unit, which another worker does again; what had been extracted and fitted of the unit
by then is in the store and in the run's folder.
"""

import logging
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.engines import Results
from ablations.engines.here import check, check_movable
from ablations.engines.ray.nodes import Share, alive, room_on
from ablations.engines.ray.queue import Queue
from ablations.engines.ray.session import environment, session
from ablations.engines.ray.worker import Answer, UnitWorker
from ablations.engines.ray.workers import RayWorkers
from ablations.units.unit import Group, Settings, Unit, failure_of
from ablations.units.work import UnitResult
from downstream.disk.locks import LOCK, stopped_holder
from downstream.progress import Track, silent

TRIES = 3  # that a unit has, if its workers die
LOOK_S = 2.0  # between two looks at the nodes, while no answer comes
LOOKS = 15  # at the nodes, between two looks at the locks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RayEngine(RayWorkers):
    """Workers of Ray as an engine."""

    def check(self, settings: Settings) -> None:
        """Raise ValueError for a model that can't leave this process, or a precision that this machine does not have.

        The machines of a cluster check theirs.
        """
        check_movable(settings.study, "a worker of Ray")
        if self.address is None:
            check(settings)

    def results(self, units: Sequence[Unit], settings: Settings, track: Track = silent) -> Results:
        """Execute units, each on the next free worker, preferably one that has their embedder loaded.

        Raises:
            ValueError: the cluster does not answer, has no room, or dies.
        """
        if units:
            with session(self, settings.device) as (ray, share):
                yield from Driver(ray, units, settings, share).results()


class Driver:
    """The state of a run: which units wait, and which worker does what.

    Args:
        ray: the module, whose session has begun.
        units: what to execute.
        settings: how to execute it.
        share: how many workers there are, and what each may use.
    """

    def __init__(self, ray: Any, units: Sequence[Unit], settings: Settings, share: Share) -> None:
        self.ray, self.settings, self.share = ray, settings, share
        self.waiting = Queue(units)
        self.tries: Counter[Hashable] = Counter()
        self.working: dict[Any, tuple[Any, Unit]] = {}  # pending answer -> worker, unit
        self.loaded: dict[Any, Group] = {}
        self.answered: set[Any] = set()
        self.messages: set[str] = set()  # that were logged
        self.looks = 0

    def results(self) -> Results:
        """Give out all units, and yield each with its result as soon as it is ready."""
        for _ in range(min(self.share.count, len(self.waiting))):
            self.give(self.worker())
        while self.working:
            answers, _ = self.ray.wait(list(self.working), timeout=LOOK_S)
            if not answers:
                self.look()
                continue
            (ready,) = answers
            worker, unit = self.working.pop(ready)
            result: UnitResult | None
            try:
                answer: Answer = self.ray.get(ready)
            except self.ray.exceptions.RayTaskError as error:
                result = _failed(unit, error)
            except self.ray.exceptions.RayError as error:  # the worker died, or its node, or had no memory
                self.loaded.pop(worker)
                self.ray.kill(worker)
                result = self.again(unit, error)
                worker = self.worker() if self.waiting else None
            else:
                self.answered.add(worker)
                self.log(answer)
                result = answer.result
            if worker is not None:
                self.give(worker)
            if result:
                yield unit, result

    def worker(self) -> Any:
        """Start a worker, which has no embedder yet."""
        options = {
            "num_cpus": self.share.threads,
            "num_gpus": self.share.gpus,
            "runtime_env": {"env_vars": environment(self.share.threads)},
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,
        }
        folder = str(Path.cwd())
        return self.ray.remote(UnitWorker).options(**options).remote(self.settings, folder, self.share.threads)

    def give(self, worker: Any) -> None:
        """Give a worker its next unit, or end the worker if no unit waits."""
        if not self.waiting:
            self.loaded.pop(worker, None)
            self.ray.kill(worker)
            return
        unit = self.waiting.take(self.loaded.get(worker), set(self.loaded.values()))
        self.loaded[worker] = unit.group
        self.tries[unit.key] += 1
        self.working[worker.run.remote(unit)] = (worker, unit)

    def again(self, unit: Unit, error: Exception) -> UnitResult | None:
        """Let a unit whose worker died wait again; its failure if that happened too often.

        Raises:
            ValueError: workers can't start at all.
        """
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        if "creation task" in lines[0]:
            raise ValueError(f"Ray's workers can't start: {lines[-1]}")
        reason = lines[0]
        if self.tries[unit.key] < TRIES:
            logger.warning("%s: its worker died, it is done again: %s", unit, reason)
            self.waiting.put_back(unit)
            return None
        return _failed(unit, ValueError(f"its worker died {TRIES} times: {reason}"))

    def look(self) -> None:
        """Give up workers whose node is gone, so that their units wait for other workers.

        Raises:
            ValueError: no worker is left.
        """
        self.looks += 1
        if self.looks % LOOKS == 0:
            self.look_at_locks()
        surplus = len(self.working) - room_on(alive(self.ray), self.share.threads, self.share.gpus)
        for answer, (worker, unit) in reversed(list(self.working.items())):
            if surplus > 0 and worker not in self.answered:
                surplus -= 1
                del self.working[answer]
                self.loaded.pop(worker, None)
                self.ray.kill(worker)
                self.tries[unit.key] -= 1
                self.waiting.put_back(unit)
                logger.warning("%s: waits for another worker, because its worker has no node to start on", unit)
        if not self.working:
            raise ValueError("the Ray cluster has lost the nodes that workers need; the same command goes on")

    def look_at_locks(self) -> None:
        """Log which locks stopped processes hold; a worker that waits for one can't log it before it goes on."""
        for path in (self.settings.folder / LOCK, *self.settings.store.glob(f"*/*/*/*/{LOCK}")):
            holder = stopped_holder(path)
            if holder and holder not in self.messages:
                logger.warning("%s: workers may be waiting for %s", path, holder)
                self.messages.add(holder)

    def log(self, answer: Answer) -> None:
        """Log what a worker logged; log once what every worker says."""
        for name, level, text in answer.logged:
            if level > logging.INFO or text not in self.messages:
                logging.getLogger(name).log(level, "%s", text)
                self.messages.add(text)


def _failed(unit: Unit, error: Exception) -> UnitResult:
    failure = failure_of(unit.models, unit.named.key, error)
    logger.error("%s", failure)
    return UnitResult(failures=(failure,))
