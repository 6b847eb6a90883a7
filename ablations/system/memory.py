"""Anonymous memory (what is not read from files) of a process and all that it started, watched while it works."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass
class Peak:
    """The highest seen so far: its bytes, over how many processes, and what was going on then."""

    bytes: int = 0
    processes: int = 0
    during: tuple[str, ...] = ()


def tree(process: int) -> list[int]:
    """A process and all its descendants."""
    found = [process]
    for parent in found:
        for children in (PROC / str(parent) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def anonymous(processes: Iterable[int | str] = ("self",)) -> int:
    """RssAnon of these (this one alone) in bytes, summed; those that have ended have none."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            lines = (PROC / str(process) / "status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
    return total


@contextlib.contextmanager
def watched(going: Callable[[], tuple[str, ...]] = tuple, every_s: float = 0.1) -> Iterator[Peak]:
    """The peak of this process and its descendants meanwhile, from samples.

    Args:
        going: says what is going on.
    """
    peak, over = Peak(), threading.Event()

    def look() -> None:
        processes = tree(os.getpid())
        if (seen := anonymous(processes)) > peak.bytes:
            peak.bytes, peak.processes, peak.during = seen, len(processes), going()

    def watch() -> None:
        while not over.wait(every_s):
            look()

    look()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        look()
