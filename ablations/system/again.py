"""The line that a command ends with when a signal stops it."""

import os
import shlex
import sys

PROGRAM = "ablate"
STOPPED = "Stopped; the same command goes on"


def stopped_line() -> bytes:
    """Say that the command was stopped, with the command to repeat."""
    program, *arguments = sys.argv or [""]
    if program.rpartition(os.sep)[2] != PROGRAM:  # a script, or a notebook
        return os.fsencode(f"{STOPPED}\n")
    return os.fsencode(f"{STOPPED}: {' '.join(shlex.join([PROGRAM, *arguments]).split())}\n")
