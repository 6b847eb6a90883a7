"""Report the progress of long work."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[float], None]
"""Called with the amount of work that is done."""
Track = Callable[[str, float], AbstractContextManager[Advance]]
"""(description, total amount) -> a context in which the work is done."""


@contextmanager
def silent(description: str, total: float) -> Iterator[Advance]:
    """The `Track` that shows nothing."""
    yield lambda amount: None
