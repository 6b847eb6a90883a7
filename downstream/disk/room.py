"""How much memory there is, asked before much of it is taken."""

import contextlib
import os
import sys
from pathlib import Path

SMALL = 1 << 24  # bytes that are not worth the time of asking
MEMINFO, CGROUP, STATM = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/statm")


def available() -> int:
    """Bytes of memory that this process can still take; of a system that does not tell, more than it can have.

    The least of what the system has free, what its control group leaves (containers, jobs of clusters) and what
    `ulimit -v` leaves.
    """
    return max(0, min(_free(), _left_by_group(), _left_by_limit()))


def check_room(what: str, size: int) -> None:
    """Raise ValueError where `size` bytes for `what`, which names it, are more than there are."""
    if size > SMALL and size > (most := available()):
        raise ValueError(f"{what} would take {size / 1e9:.1f} GB of memory, {most / 1e9:.1f} GB are free")


def _free() -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return sys.maxsize


def _left_by_group() -> int:
    """Of version 2 and version 1; pages of files that were not used lately are given back where memory runs out."""
    for folder, most, used, idle in (
        (CGROUP, "memory.max", "memory.current", "inactive_file"),
        (CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):  # a group without a limit says "max"
            limit, taken = (int((folder / name).read_text()) for name in (most, used))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            return limit - taken + int(stat.get(idle, 0))
    return sys.maxsize


def _left_by_limit() -> int:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            return limit - int(STATM.read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    return sys.maxsize
