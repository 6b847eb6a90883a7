"""Ray's engine: units go to whichever worker is free, preferably one that has their embedder loaded.

A worker that dies loses its unit alone, which is done again by another; what had been extracted and fitted of it by
then is in the store and in the run's folder.
"""

import logging
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ablations.engines.here import Results
from ablations.engines.ray.session import Share, alive, environment, room_on, session
from ablations.engines.ray.worker import Answer, UnitWorker
from ablations.engines.ray.workers import RayWorkers
from ablations.units.execute import UnitResult
from ablations.units.unit import Group, Settings, Unit, failure_of
from downstream.disk.locks import LOCK, stopped_holder

TRIES = 3  # of a unit whose worker dies
LOOK_S = 2.0  # between two looks at the nodes, while no answer comes
LOOKS = 15  # at the nodes, between two at the locks

logger = logging.getLogger(__name__)


def run_on_ray(units: Sequence[Unit], settings: Settings, workers: RayWorkers) -> Results:
    """Every unit with its result, as they are ready.

    Raises:
        ValueError: for a cluster that does not answer, has no room, or dies.
    """
    if units:
        with session(workers, settings.device) as (ray, share):
            yield from Driver(ray, units, settings, share).results()


class Driver:
    """The state of a run: what waits, and which worker does what.

    Args:
        ray: the module, whose session has begun.
    """

    def __init__(self, ray: Any, units: Sequence[Unit], settings: Settings, share: Share) -> None:
        self.ray, self.settings, self.share = ray, settings, share
        self.waiting = list(units)
        self.tries: Counter[Hashable] = Counter()
        self.working: dict[Any, tuple[Any, Unit]] = {}  # answer to come -> worker, unit
        self.loaded: dict[Any, Group] = {}
        self.answered: set[Any] = set()
        self.said: set[str] = set()
        self.looks = 0

    def results(self) -> Iterator[tuple[Unit, UnitResult]]:
        for _ in range(min(self.share.count, len(self.waiting))):
            self.give(self.worker())
        while self.working:
            answers, _ = self.ray.wait(list(self.working), timeout=LOOK_S)
            if not answers:
                self.look()
                continue
            (ready,) = answers
            worker, unit = self.working.pop(ready)
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
                self.say(answer)
                result = answer.result
            if worker is not None:
                self.give(worker)
            if result:
                yield unit, result

    def worker(self) -> Any:
        """A new worker, which has no embedder yet."""
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
        """The next unit; the worker ends where there is none."""
        if not self.waiting:
            self.loaded.pop(worker, None)
            self.ray.kill(worker)
            return
        unit = self.waiting.pop(_choice(self.waiting, self.loaded.get(worker), set(self.loaded.values())))
        self.loaded[worker] = unit.group
        self.tries[unit.key] += 1
        self.working[worker.run.remote(unit)] = (worker, unit)

    def again(self, unit: Unit, error: Exception) -> UnitResult | None:
        """A unit whose worker died waits again, unless it did so too often; ValueError where workers can't start."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        if "creation task" in lines[0]:
            raise ValueError(f"Ray's workers can't start: {lines[-1]}")
        reason = lines[0]
        if self.tries[unit.key] < TRIES:
            logger.warning("%s: its worker died, it is done again: %s", unit, reason)
            self.waiting.insert(0, unit)
            return None
        return _failed(unit, ValueError(f"its worker died {TRIES} times: {reason}"))

    def look(self) -> None:
        """Give up workers that wait for a node which is there no more; ValueError where no other one works."""
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
                self.waiting.insert(0, unit)
                logger.warning("%s: waits for another worker, for there is no node for its own", unit)
        if not self.working:
            raise ValueError("the Ray cluster has lost the nodes that workers need; the same command goes on")

    def look_at_locks(self) -> None:
        """Say which locks are held by stopped processes: a worker that waits for one can't tell before it goes on."""
        for path in (self.settings.folder / LOCK, *self.settings.store.glob(f"*/*/*/*/{LOCK}")):
            who = stopped_holder(path)
            if who and who not in self.said:
                logger.warning("%s: workers may be waiting for %s", path, who)
                self.said.add(who)

    def say(self, answer: Answer) -> None:
        """What was logged there; what every worker tells is said once."""
        for name, level, text in answer.logged:
            if level > logging.INFO or text not in self.said:
                logging.getLogger(name).log(level, "%s", text)
                self.said.add(text)


def _choice(waiting: Sequence[Unit], own: Group | None, taken: set[Group]) -> int:
    """Which unit goes next: of the embedder that is loaded, of one that nobody has, of the one that most wait for."""
    groups = [unit.group for unit in waiting]
    if own in groups:
        return groups.index(own)
    free = [place for place, group in enumerate(groups) if group not in taken]
    return free[0] if free else groups.index(Counter(groups).most_common(1)[0][0])


def _failed(unit: Unit, error: Exception) -> UnitResult:
    failure = failure_of(unit.models, unit.named.key, error)
    logger.error("%s", failure)
    return UnitResult(failures=(failure,))
