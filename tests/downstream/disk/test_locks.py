"""Locks as NFS grants them, and where there are none."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from downstream.disk import locks
from downstream.disk.locks import held, in_use


@pytest.fixture
def nfs(monkeypatch):
    """A shared lock needs a descriptor that can read, an exclusive one a descriptor that can write."""
    real = fcntl.flock

    def flock(file, operation):
        access = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE
        wanted = os.O_WRONLY if operation & fcntl.LOCK_SH else os.O_RDONLY
        if access == wanted:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)


def test_locks_of_both_kinds_are_granted_on_nfs(tmp_path, nfs):
    with in_use([tmp_path]), pytest.raises(BlockingIOError), held(tmp_path / locks.USED, wait=False):
        pass
    again = held(tmp_path / locks.USED, shared=True, wait=False)
    with held(tmp_path / locks.USED, wait=False), pytest.raises(BlockingIOError), again:
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.parametrize("shared", [True, False])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, code, shared):
    def flock(file, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    message = r"\.lock: can't be locked, its file system has no locks .*ABLATE_STORE"
    with pytest.raises(OSError, match=message) as error, held(tmp_path / ".lock", shared=shared):
        pass
    assert "\n" not in str(error.value)
    with pytest.raises(OSError, match="can't be locked"), in_use([tmp_path]):
        pass


def test_a_system_without_flock_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.raises(OSError, match=r"\.lock: can't be locked, this system has no flock"), held(tmp_path / ".lock"):
        pass


def test_a_file_that_cannot_be_written_is_shared(tmp_path, monkeypatch):
    """In a store of somebody else, who reads still keeps the owner from removing what is in use."""
    (tmp_path / locks.USED).touch()
    real = os.open

    def refusing(path, flags, *mode, **options):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refusing)
    with in_use([tmp_path]):
        monkeypatch.setattr(os, "open", real)
        with pytest.raises(BlockingIOError), held(tmp_path / locks.USED, wait=False):
            pass


def is_free(path) -> bool:
    """Whether a writer could have the lock now."""
    try:
        with held(path, wait=False):
            return True
    except BlockingIOError:
        return False


def test_readers_do_not_lock_each_other_out(tmp_path):
    used = tmp_path / locks.USED
    with in_use([tmp_path]), held(used, shared=True, wait=False), held(used, shared=True, wait=False):
        assert not is_free(used)
    assert is_free(used)


def test_a_writer_has_a_file_alone(tmp_path):
    lock = tmp_path / "folder" / ".lock"
    with held(lock):
        assert not is_free(lock)
        with pytest.raises(BlockingIOError), held(lock, shared=True, wait=False):
            pass


HOLDER = """
import sys, time
from pathlib import Path
from downstream.disk.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("stopped", [True, False])
def test_who_waits_for_a_lock_says_for_whom_and_what_to_do(tmp_path, monkeypatch, caplog, stopped):
    monkeypatch.setattr(locks, "PATIENCE_S", 0.05)
    lock = tmp_path / ".lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    if stopped:
        holder.send_signal(signal.SIGSTOP)
        os.waitpid(holder.pid, os.WUNTRACED)
    waiter = threading.Thread(target=is_waited_for, args=(lock,))
    waiter.start()
    time.sleep(0.2)
    holder.kill()
    waiter.join(10)
    assert not waiter.is_alive(), "the system releases the lock of a process that was killed"
    holder.communicate()
    (line,) = caplog.messages
    who, state = f"process {holder.pid} on {socket.gethostname()}", " and is stopped" if stopped else ""
    assert line.startswith(f"{lock}: waiting for {who}, which holds it{state};")
    assert f"`kill -CONT {holder.pid}`" in line


def is_waited_for(path) -> None:
    with held(path):
        pass


def test_a_lock_names_its_holder_as_long_as_it_is_held(tmp_path):
    lock = tmp_path / ".lock"
    lock.write_text("123456 a machine that was, by a process that was killed")
    with held(lock):
        assert lock.read_text() == f"{os.getpid()} {socket.gethostname()}"
    assert lock.read_text() == ""


def test_a_short_wait_is_not_told(tmp_path, caplog):
    lock = tmp_path / ".lock"
    with held(lock):
        waiter = threading.Thread(target=is_waited_for, args=(lock,))
        waiter.start()
        time.sleep(0.05)
    waiter.join(10)
    assert caplog.messages == []
