"""How long work tells how far it is: a context manager that hands out a function to advance by."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[float], None]
Track = Callable[[str, float], AbstractContextManager[Advance]]


@contextmanager
def silent(description: str, total: float) -> Iterator[Advance]:
    """The `Track` that shows nothing."""
    yield lambda amount: None
