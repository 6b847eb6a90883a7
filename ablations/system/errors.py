"""Show errors that a user can cause in one line."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from downstream.disk.files import check_place

Value = TypeVar("Value")
MOST = 2000  # number of characters of a message


def one_line(error: object) -> str:
    """The text of an error in one line, of bounded length and without control characters."""
    from results.tables.escapes import printable  # imports pandas, which a shell's completion does not wait for

    text = printable(" ".join(str(error).split()))
    return text if len(text) <= MOST else f"{text[: MOST // 2]} ... {text[-MOST // 2 :]}"


def one_line_errors(command: Callable[..., Value]) -> Callable[..., Value]:
    """Make a command end in one line and the exit status 1 on an error that a user can cause."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Value:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:  # the reader ended, such as `| head`: click ends quietly
            raise
        except (ValueError, OSError) as error:
            raise click.ClickException(one_line(error)) from None
        except MemoryError as error:
            raise click.ClickException(f"not enough memory {one_line(error)}".strip()) from None

    return guarded


class NewFile(click.Path):
    """A file that a command writes at its end.

    Whether it can be written is checked at the beginning.
    """

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; the command ends if it can't be written."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            check_place(path)
        except OSError as error:
            self.fail(one_line(error), param, ctx)
        return path
