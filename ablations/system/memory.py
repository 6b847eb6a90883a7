"""The memory of processes: what the allocator keeps, and peaks."""

import contextlib
import ctypes
import gc
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
BLOCK_BYTES, KEPT_BYTES = 32 << 20, 256 << 20  # glibc takes at most 32 MB for the first


@dataclass
class Peak:
    """The highest use of memory so far.

    Attributes:
        bytes: anonymous memory of all processes.
        processes: their number.
        during: what was going on.
    """

    bytes: int = 0
    processes: int = 0
    during: tuple[str, ...] = ()


def tree(process: int) -> list[int]:
    """The numbers of a process and all its descendants."""
    family = [process]
    for parent in family:
        for children in (PROC / str(parent) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                family += map(int, children.read_text().split())
    return family


def anonymous(processes: Iterable[int | str] = ("self",)) -> int:
    """The anonymous memory (RssAnon) of processes in bytes, summed.

    Processes that have ended count as 0.
    """
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            lines = (PROC / str(process) / "status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
    return total


@contextlib.contextmanager
def watched(going: Callable[[], tuple[str, ...]] = tuple, every_s: float = 0.1) -> Iterator[Peak]:
    """Sample the memory of this process and its descendants during the block, and keep the peak.

    Args:
        going: returns what is going on.
        every_s: interval between two samples in s.
    """
    peak, over = Peak(), threading.Event()

    def look() -> None:
        processes = tree(os.getpid())
        if (used := anonymous(processes)) > peak.bytes:
            peak.bytes, peak.processes, peak.during = used, len(processes), going()

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


def give_back() -> None:
    """Give memory that was freed, but kept for later, back to the system."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def keep_freed() -> None:
    """Make this process keep freed memory for later use: blocks of up to 32 MB, 256 MB in all.

    By default glibc gives the end of its heap back to the system as soon as it is free. Tensors of a few megabytes that
    are made and freed in every step then need fresh pages each time, which can cost half of a step. Settings of the
    user (`MALLOC_...` in the environment, another C library) stay.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
