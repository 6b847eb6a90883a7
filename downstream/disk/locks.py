"""Locks on files between processes (flock): a writer holds one alone, readers share one.

The system releases a lock when its process ends, however it ends. Who holds a lock alone may remove its file: a process
that waited for it then takes the new one. Meanwhile the file names the process that holds it, so that others can tell
whom they wait for.
"""

import contextlib
import errno
import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # not a POSIX system
    fcntl = None

LOCK, USED = ".lock", ".used"
"""In a folder of the store: held by who writes; shared by who reads, its time says when that was last."""
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)  # of what belongs to somebody else, or is mounted read-only
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
PATIENCE_S = 1.0  # of waiting, before it is told
REMEDY = "use a local disk: $ABLATE_STORE or --store for the store, --runs for runs, --out for other outputs"

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file, which is made with its folder if it is absent.

    Raises:
        BlockingIOError: another process has it, and `wait` is False.
        OSError: names a file whose file system has no locks.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = _open(path, shared)
        except FileNotFoundError:  # the folder was removed in between
            continue
        try:
            lock(descriptor, path, shared=shared, wait=wait)
            if _still_there(descriptor, path):
                with contextlib.nullcontext() if shared or not wait else _named(descriptor):
                    yield
                return
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Log that this process waits for a lock, if that takes longer than `PATIENCE_S`."""
    timer = threading.Timer(PATIENCE_S, lambda: logger.warning("%s: waiting for %s", path, _holder(path)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _named(descriptor: int) -> Iterator[None]:
    """Keep this process's number and machine in an open file that it has locked; a full disk does not matter."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}".encode(), 0)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)


def _holder(path: Path) -> str:
    """The process that a lock's file names, and what to do if it does not go on."""
    try:
        process, machine = path.read_text().split()
        state = " and is stopped" if machine == socket.gethostname() and _is_stopped(int(process)) else ""
    except (OSError, ValueError):  # one that holds it for a moment, or an earlier version's
        return "another process, which holds it"
    return (
        f"process {process} on {machine}, which holds it{state}; if it does not go on by "
        f"itself, `kill -CONT {process}` there continues it, `kill -9 {process}` ends it and loses nothing"
    )


def stopped_holder(path: Path) -> str:
    """The process that holds a lock, with what to do, where it was stopped by a signal on this machine; "" else."""
    try:
        process, machine = path.read_text().split()
        return _holder(path) if machine == socket.gethostname() and _is_stopped(int(process)) else ""
    except (OSError, ValueError):
        return ""


def _is_stopped(process: int) -> bool:
    """Whether a process of this machine was stopped by a signal; False where the system does not tell."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def lock(descriptor: int, path: Path, *, shared: bool = False, wait: bool = True) -> None:
    """Take the lock of an open file; closing the file releases it.

    A wait of more than `PATIENCE_S` is logged once, with the process that holds the lock.

    Args:
        path: named by errors.

    Raises:
        BlockingIOError: another process has it, and `wait` is False.
        OSError: the file system has no locks; says what to do.
    """
    if fcntl is None:
        raise OSError(f"{path}: can't be locked, this system has no flock; expected Linux or macOS")
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            with _told(path):
                fcntl.flock(descriptor, kind)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        raise OSError(f"{path}: can't be locked, its file system has no locks ({error.strerror}); {REMEDY}") from error


def _open(path: Path, shared: bool) -> int:
    """A descriptor for reading and writing, for NFS grants a lock only to one that could do what the lock is for."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if not shared or error.errno not in REFUSED or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)


def _still_there(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def in_use(folders: Iterable[Path]) -> Iterator[None]:
    """Keep folders of the store from being removed; in a store that is read-only, only its owner could."""
    with contextlib.ExitStack() as locks:
        for folder in folders:
            used = folder / USED
            try:
                locks.enter_context(held(used, shared=True))
                os.utime(used)
            except OSError as error:
                if error.errno not in REFUSED:
                    raise
        yield
