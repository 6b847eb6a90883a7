"""The memory of a process: what the allocator keeps, and the anonymous memory of all that it started, watched."""

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
BLOCK_BYTES, KEPT_BYTES = 32 << 20, 256 << 20  # the first is the most that glibc takes


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


def give_back() -> None:
    """Memory that was freed but kept for later goes back to the system."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # where the C library is another one
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def keep_freed() -> None:
    """From now on this process keeps memory that was freed for what comes next: blocks up to 32 MB, 256 MB in all.

    glibc gives the end of its heap back to the system as soon as it is free. Tensors of a few megabytes, made and freed
    in every step, are then of fresh pages each time, which cost up to half of a step. Users' own settings (`MALLOC_...`
    in the environment, another C library) stay.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
