"""Errors that a user can cause, in one line."""

import functools
from collections.abc import Callable

import click


def one_line(error: BaseException) -> str:
    """The error's text without line breaks."""
    return " ".join(str(error).split())


def one_line_errors(command: Callable) -> Callable:
    """Errors that a user can cause end in one line and a status that is not 0."""

    @functools.wraps(command)
    def guarded(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError) as error:
            raise click.ClickException(one_line(error)) from None

    return guarded
