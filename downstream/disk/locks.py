"""Locks on files between processes (flock): a writer holds one alone, readers share one.

The system releases a lock when its process ends, however it ends. A process that holds a lock alone may remove the
lock's file: one that waited for it then locks the new file. While a lock is held alone, its file names the process that
holds it, so that others can tell whom they wait for.
"""

import contextlib
import errno
import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

try:
    import fcntl
except ModuleNotFoundError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

LOCK, USED = ".lock", ".used"
"""In a folder of the store: held by its writer; shared by its readers, with the time of the last use."""
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)  # errors of a folder of somebody else, or mounted read-only
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
PATIENCE_S = 1.0  # a longer wait is logged
REMEDY = "use a local disk: $ABLATE_STORE or --store for the store, --runs for runs, --out for other outputs"

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file; the file and its folder are made if they are absent.

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
            if _is_open_at(descriptor, path):
                with contextlib.nullcontext() if shared or not wait else _holder_named(descriptor):
                    yield
                return
        finally:
            os.close(descriptor)


def lock(descriptor: int, path: Path, *, shared: bool = False, wait: bool = True) -> None:
    """Lock an open file; closing the file releases it.

    A wait of more than `PATIENCE_S` is logged once, with the process that holds the lock.

    Args:
        path: of the file, for errors.

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
            with _long_wait_logged(path):
                fcntl.flock(descriptor, kind)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        raise OSError(f"{path}: can't be locked, its file system has no locks ({error.strerror}); {REMEDY}") from error


@contextlib.contextmanager
def in_use(folders: Iterable[Path]) -> Iterator[None]:
    """Keep folders of the store from being removed.

    In a read-only store only its owner could remove them.
    """
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


def stopped_holder(path: Path) -> str:
    """Describe a stopped process that holds a lock, and what to do; "" if it runs.

    Only processes of this machine are known to be stopped.
    """
    try:
        process, machine = path.read_text().split()
        return _holder(path) if machine == socket.gethostname() and _is_stopped(int(process)) else ""
    except (OSError, ValueError):
        return ""


@contextlib.contextmanager
def _long_wait_logged(path: Path) -> Iterator[None]:
    """Log that this process waits for a lock, if that takes longer than `PATIENCE_S`."""
    timer = threading.Timer(PATIENCE_S, lambda: logger.warning("%s: waiting for %s", path, _holder(path)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _holder_named(descriptor: int) -> Iterator[None]:
    """Keep this process's number and machine in a file that it has locked.

    A full disk does not matter.
    """
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}".encode(), 0)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)


def _holder(path: Path) -> str:
    """Describe the process that a lock's file names, and what to do if it does not continue."""
    try:
        process, machine = path.read_text().split()
        state = " and is stopped" if machine == socket.gethostname() and _is_stopped(int(process)) else ""
    except (OSError, ValueError):  # held for a moment only, or by an earlier version
        return "another process, which holds it"
    return (
        f"process {process} on {machine}, which holds it{state}; if it does not go on by "
        f"itself, `kill -CONT {process}` there continues it, `kill -9 {process}` ends it and loses nothing"
    )


def _is_stopped(process: int) -> bool:
    """Whether a signal has stopped a process of this machine; False if the system does not tell."""
    try:
        return bool(psutil.Process(process).status() == psutil.STATUS_STOPPED)
    except (psutil.Error, OverflowError):
        return False


def _open(path: Path, shared: bool) -> int:
    """Open for reading and writing: NFS grants a lock only to a descriptor that could do what the lock is for."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if not shared or error.errno not in REFUSED or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)


def _is_open_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
