"""The command line that started this process, and the line that it ends with when a signal stops it."""

import os
import shlex
import sys

PROGRAM = "ablate"
STOPPED = "Stopped; the same command goes on"


def command() -> str:
    """The command line that started this process; empty where Python called the code itself."""
    program, *arguments = sys.argv or [""]
    return shlex.join([PROGRAM, *arguments]) if program.rpartition(os.sep)[2] == PROGRAM else ""


def stopped_line() -> bytes:
    """Say that the command was stopped, with the command to repeat."""
    repeated = " ".join(command().split())
    return os.fsencode(f"{STOPPED}: {repeated}\n" if repeated else f"{STOPPED}\n")
