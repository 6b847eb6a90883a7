"""Free memory: check that something fits before it is read or computed."""

import contextlib
import sys
from pathlib import Path

import psutil

SMALL = 1 << 24  # bytes; checking anything smaller would cost more than it protects
CGROUP = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes of memory that this process can still take.

    The smallest of what the system has free, what the control group leaves (containers, jobs of clusters) and what
    `ulimit -v` leaves. A bound that the system does not tell counts as unlimited.
    """
    return max(0, min(_left_by_system(), _left_by_group(), _left_by_limit()))


def check_memory(subject: str, size: int) -> None:
    """Raise ValueError if `size` bytes do not fit the free memory.

    Args:
        subject: names what needs the memory, in the message.
    """
    if size > SMALL and size > (free := available()):
        raise ValueError(f"{subject} would take {size / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free")


def _left_by_system() -> int:
    with contextlib.suppress(OSError, psutil.Error):
        return int(psutil.virtual_memory().available)
    return sys.maxsize


def _left_by_group() -> int:
    """Control groups of version 2 and 1; cached pages that were not used lately count as free."""
    for folder, limit_file, usage_file, idle in (
        (CGROUP, "memory.max", "memory.current", "inactive_file"),
        (CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):  # a group without a limit says "max"
            limit, usage = (int((folder / name).read_text()) for name in (limit_file, usage_file))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            return limit - usage + int(stat.get(idle, 0))
    return sys.maxsize


def _left_by_limit() -> int:
    with contextlib.suppress(ImportError, OSError, ValueError, psutil.Error):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            return limit - int(psutil.Process().memory_info().vms)
    return sys.maxsize
