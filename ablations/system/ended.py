"""Say in one line that a library has ended this process, which no handler of this process can do then."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

WATCHER = "import sys; sys.stdin.read() or sys.stderr.write(sys.argv[1] + chr(10))"
"""A program that prints a line if its input ends without a letter."""


@contextlib.contextmanager
def said_if_ended(line: str) -> Iterator[None]:
    """Print a line on stderr if this process ends inside the block.

    Another process watches a pipe, in a session of its own, so that signals of the terminal do not reach it.
    """
    command = [sys.executable, "-I", "-S", "-c", WATCHER, line]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.communicate(b".")
