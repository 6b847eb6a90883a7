"""Ctrl-C and SIGTERM: a command ends in one line, by the first signal, with the exit status that shells expect."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ablations.system import child

STOPPED = "Stopped; the same command goes on"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 10.0  # for what is going on to end by itself, such as a batch in another thread
SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it


_said = threading.Event()
_came: list[int] = []  # the signals, in their order


def say() -> None:
    """Tell that the command was stopped, once."""
    if not _said.is_set():
        _said.set()
        os.write(2, f"{SHOW_CURSOR if sys.stderr.isatty() else ''}{STOPPED}\n".encode())


def status() -> int:
    """The exit status of a command that was stopped: 128 and the signal's number."""
    return 128 + (_came[0] if _came else signal.SIGINT)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let signals stop what is done meanwhile: children are killed, and KeyboardInterrupt is raised here.

    Where that has not ended the process in `GRACE_S`, or a second signal comes, it ends at once. A signal that was
    ignored before, as `nohup` or a shell's `&` ask for, stays so. In a thread other than the main one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    read, write = socket.socketpair()  # the system tells the watcher even while the main thread is deep in a library
    write.setblocking(False)
    earlier = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _raise)
        yield
    finally:
        _put_back(before)
        signal.set_wakeup_fd(earlier)
        write.close()


@contextlib.contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the handlers of signals back that a library replaces meanwhile; its exit by a signal is ours."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    except SystemExit as end:  # Ray's handler of SIGTERM exits with the signal's number
        if end.code in SIGNALS:
            _raise(end.code, None)
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            _put_back(before)


def _put_back(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None:  # one that is not Python's can't be set from here
            signal.signal(number, handler)


def _raise(number: int, frame: Any) -> None:
    _came.append(number)  # libraries, such as Ray, raise a KeyboardInterrupt of their own in place of this one
    raise KeyboardInterrupt


def _watch(signals: socket.socket) -> None:
    """End children by the first signal, and the process by the second, or where the first has not ended it in time."""
    with signals:
        while (data := signals.recv(1)) and data[0] not in SIGNALS:
            pass
        if not data:
            return
        threading.Thread(target=child.end_all, daemon=True).start()
        signals.settimeout(GRACE_S)
        with contextlib.suppress(TimeoutError):
            while (more := signals.recv(1)) and more[0] not in SIGNALS:
                pass
            if not more:  # the command has ended; what its threads are at must not hold it for long
                time.sleep(GRACE_S)
        child.end_all()
        say()
        os._exit(128 + data[0])
