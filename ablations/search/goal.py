"""The value of a trial, made of validation scores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablations.tasks.names import NamedTask
from downstream.evaluate import selection_of

Fold = tuple[str, int, str]
"""Task, seed, and <task folder>/<fold>: a HEAR key may stand for several folders."""


@dataclass(frozen=True)
class Goal:
    """What the value of a trial is made from.

    Attributes:
        signs: for every task, 1 if its validation score is to be high, else -1.
        folds: number of folds of all tasks with all seeds.
        events: for every task, whether it is an event task.
    """

    signs: Mapping[str, int]
    folds: int
    events: tuple[bool, ...] = ()

    @classmethod
    def of(cls, tasks: Sequence[NamedTask], seeds: Sequence[int]) -> "Goal":
        """The goal of a search on some tasks.

        Raises:
            ValueError: the scores of the tasks have no common mean: a loss or an error rate beside others.
        """
        signs = {named.key: 1 if selection_of(named.task).mode == "max" else -1 for named in tasks}
        if len(signs) > 1 and -1 in signs.values():
            name = next(key for key, sign in signs.items() if sign < 0)
            raise ValueError(f"task {name} is validated by a loss or an error rate, which has no mean with other tasks")
        folds = len(seeds) * sum(len(named.task.folds()) for named in tasks)
        return cls(signs, folds, tuple(named.task.is_event for named in tasks))

    def telling(self, scores: Mapping[Fold, float]) -> bool:
        """Whether these folds can tell that a trial is bad: some of every task, but not all."""
        return {task for task, _, _ in scores} == set(self.signs) and len(scores) < self.folds

    def score(self, scores: Mapping[Fold, float]) -> float:
        """The mean over tasks of the means over folds and seeds, where higher is better.

        A loss or an error rate counts negatively. A score that is not defined (nothing was predicted) counts as 0, an
        undefined loss or error rate as infinite.
        """
        by_task: dict[str, list[float]] = {}
        for (task, _, _), score in scores.items():
            by_task.setdefault(task, []).append(_oriented(score, self.signs[task]))
        means = [sum(values) / len(values) for values in by_task.values()]
        return sum(means) / len(means)


def _oriented(score: float, sign: int) -> float:
    if math.isnan(score) or score == -sign * math.inf:
        return 0.0 if sign > 0 else -math.inf
    return sign * score
