"""Errors of a model's part: models that stand side by side fail together, and the message names the one at fault."""

import contextlib
from collections.abc import Iterator

from ablations.system.errors import one_line
from downstream.extract import NotFiniteError


@contextlib.contextmanager
def part_named(name: str) -> Iterator[None]:
    """Name the part in front of an error; an empty name leaves errors as they are.

    Raises:
        ValueError: what a user can cause, which is then one line.
        RuntimeError: any other error.
    """
    try:
        yield
    except Exception as error:
        if not name:
            raise
        text = one_line(error)
        if isinstance(error, NotFiniteError):  # jobs that need other taps go on
            raise NotFiniteError(f"{name}: {text}") from error
        if isinstance(error, ValueError | OSError):
            raise ValueError(text if text.startswith(f"{name}:") else f"{name}: {text}") from error
        raise RuntimeError(f"{name}: {type(error).__name__}: {text}") from error
