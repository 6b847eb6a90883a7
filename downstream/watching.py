"""Watch an evaluation, fold by fold.

A watcher gets the validation score of each fold as soon as it is known, and may end the work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from downstream.probes.finished import FinishedFits
from downstream.tasks.task import Task


class Stopped(BaseException):
    """Raised by a watcher to end what it watches.

    It is no Exception, since work that survives errors must end, too.
    """


@dataclass(frozen=True)
class FoldFitted:
    """The chosen probe of a fold has been fitted.

    Attributes:
        seed: of the evaluation.
        fold: its name.
        score: the probe's best validation score, or loss if the loss selects; -inf or inf if none was defined.
        finished: the fits of the evaluation that are kept until it has its results; None if none are.
    """

    task: Task
    seed: int
    fold: str
    score: float
    finished: FinishedFits | None


Watcher = Callable[[FoldFitted], None]
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Call `watcher` for each fold of evaluations in this context.

    For the first fold it is called when the grid is done.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def is_watched() -> bool:
    """Whether there is a watcher."""
    return _watcher.get() is not None


def notify(fitted: FoldFitted) -> None:
    """Call the watcher, if there is one."""
    if watcher := _watcher.get():
        watcher(fitted)
