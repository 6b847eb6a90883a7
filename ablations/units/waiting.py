"""Units whose probes wait until those of several units are trained together.

On CUDA the probes of a small task take the time of their launches. Those of many tasks, by any embedder, take little
more if they share packs (`downstream.probes.packing`), so they wait for each other: within bounds, so that rows come
regularly. On a CPU nothing waits, nor where somebody watches fold by fold and may end the work
(`downstream.watching`).
"""

import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from ablations.units.execute import evaluate
from ablations.units.extraction import extracted
from ablations.units.unit import Settings, Unit
from ablations.units.work import ReadyPart, UnitResult, UnitWork
from downstream.disk.memory import available
from downstream.embedder import Embedder
from downstream.evaluate import AnyEvaluation, evaluated_together
from downstream.progress import Track, silent
from downstream.watching import is_watched

NUMBERS = 5_000_000_000  # that fits read in an epoch: some minutes of training on an H200, estimated; then come rows
MEMORY_SHARE = 0.125  # of this process's free memory, for trained probes, which stay there until their grids are done


class WaitingUnits:
    """Units in execution, a context that lets go of what still waits when it ends.

    Args:
        settings: how they are executed.
        track: is told how far the work is.
    """

    def __init__(self, settings: Settings, track: Track = silent) -> None:
        self.settings, self.track = settings, track
        self._together = evaluated_together(settings.device) and not is_watched()
        self._works: list[UnitWork] = []
        self._waiting: list[ReadyPart] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for part in self._waiting:
            part.locks.close()

    def extract(self, unit: Unit, embedders: Sequence[Embedder]) -> None:
        """Extract the taps of a unit; where nothing waits, train its probes.

        Args:
            unit: what to do.
            embedders: of its models, one for each part of their group.
        """
        work = UnitWork(unit, self.settings)
        self._works.append(work)
        for part in extracted(work, embedders, self.track):
            self._waiting.append(part)
            if not self._together:
                self.evaluate()

    @property
    def full(self) -> bool:
        """Whether as much waits as may wait."""
        return is_enough(
            [job.evaluation for part in self._waiting for job in part.jobs], sum(part.files for part in self._waiting)
        )

    def evaluate(self) -> None:
        """Train all probes that wait."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            evaluate(waiting, self.track)

    def ended(self) -> Iterator[tuple[Unit, UnitResult]]:
        """Take out the units of which nothing waits any more, with their results."""
        waiting = {id(job.work) for part in self._waiting for job in part.jobs}
        ended = [work for work in self._works if id(work) not in waiting]
        self._works = [work for work in self._works if id(work) in waiting]
        yield from ((work.unit, work.result) for work in ended)


def is_enough(evaluations: Sequence[AnyEvaluation], files: int) -> bool:
    """Whether evaluations are as many as may wait.

    Args:
        files: that are open for them.
    """
    numbers, weights = sum(map(numbers_read, evaluations)), sum(map(weights_bytes, evaluations))
    return numbers >= NUMBERS or weights >= MEMORY_SHARE * available() or files >= _most_files()


def numbers_read(evaluation: AnyEvaluation) -> int:
    """How many numbers the fits of an evaluation read in an epoch: fits x items x features."""
    shapes: Sequence[tuple[int, ...]] = [evaluation.splits[name].x.shape for name in evaluation.folds[0].train]
    return evaluation.count * sum(items * dim for items, dim in shapes)


def weights_bytes(evaluation: AnyEvaluation) -> int:
    """About how many bytes the weights of an evaluation's fits take; none without epochs, as nothing waits then."""
    dim = next(iter(evaluation.splits.values())).x.shape[1]
    widths = (config.hidden_dim * (dim + config.hidden_layers * config.hidden_dim) for config in evaluation.grid)
    return 4 * (len(evaluation.folds) + len(evaluation.grid)) * max(widths, default=0)


def _most_files() -> int:
    """How many files may be open for what waits: half of those that this process may have open."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return sys.maxsize
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit // 2
