"""Watching an evaluation: who runs it hears of each fold's validation score as soon as there is one, and may end it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from downstream.probes.finished import FinishedFits
from downstream.tasks.task import Task


class Stopped(BaseException):
    """Raised by a watcher to end what it watches. No Exception: what goes on after errors has to end as well."""


@dataclass(frozen=True)
class FoldFitted:
    """The chosen probe of a fold has been fitted.

    Attributes:
        score: its best validation score (-inf or inf where none was defined), or loss where the loss selects.
        finished: where fits of the evaluation are kept until it has its results.
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
    """Evaluations in this context, of this process, tell `watcher` of each fold: the first when its grid is done."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(seen: FoldFitted) -> None:
    """To the watcher, where there is one."""
    if watcher := _watcher.get():
        watcher(seen)
