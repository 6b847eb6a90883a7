"""Processes of this machine, by what the system says of them (on Linux)."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")


def living(processes: Mapping[int, str]) -> dict[int, str]:
    """Return the processes that still live: id -> command line; the start time tells ids apart that are used again."""
    return {process: command_of(process) for process, start in processes.items() if start == start_of(process) != ""}


def start_of(process: int) -> str:
    """Return the start time of a process, "" if it has ended."""
    try:
        fields = (PROC / str(process) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def command_of(process: int) -> str:
    """Return the command line of a process, "" if it has ended."""
    with contextlib.suppress(OSError):
        return (PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""
