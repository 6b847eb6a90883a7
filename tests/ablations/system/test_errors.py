"""Errors that a user can cause."""

import click
import pytest
from click.testing import CliRunner

from ablations.system.errors import one_line, one_line_errors


def failing(error: Exception) -> click.Command:
    @click.command()
    @one_line_errors
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("kind", [ValueError, OSError])
def test_an_error_is_one_line(kind):
    result = CliRunner().invoke(failing(kind("a file\n is  absent")))
    assert result.exit_code == 1
    assert result.output == "Error: a file is absent\n"


def test_a_reader_that_has_had_enough_is_no_error():
    result = CliRunner().invoke(failing(BrokenPipeError(32, "Broken pipe")))
    assert result.exit_code == 1
    assert result.output == ""


def test_an_error_is_one_line_of_bounded_length_that_a_terminal_shows():
    assert one_line(ValueError("a\n b\x1b[31m\udce9")) == r"a b\x1b[31m\udce9"
    assert len(one_line(ValueError("z" * 10**6))) < 2100
