"""Errors that a user can cause, in one line."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from downstream.disk.files import check_place
from results.tables.escapes import printable

MOST = 2000  # characters of a message


def one_line(error: object) -> str:
    """The text of an error, or of a failure: one line of bounded length that a terminal can show."""
    text = printable(" ".join(str(error).split()))
    return text if len(text) <= MOST else f"{text[: MOST // 2]} ... {text[-MOST // 2 :]}"


def one_line_errors(command: Callable) -> Callable:
    """Errors that a user can cause end in one line and a status that is not 0."""

    @functools.wraps(command)
    def guarded(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:  # who reads has had enough, such as `| head`: click ends quietly
            raise
        except (ValueError, OSError) as error:
            raise click.ClickException(one_line(error)) from None
        except MemoryError as error:
            raise click.ClickException(f"not enough memory {one_line(error)}".strip()) from None

    return guarded


class NewFile(click.Path):
    """A file to be written at the end of a command, whose place is looked at in its beginning."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value, param, ctx) -> Path:
        path = super().convert(value, param, ctx)
        try:
            check_place(path)
        except OSError as error:
            self.fail(one_line(error), param, ctx)
        return path
