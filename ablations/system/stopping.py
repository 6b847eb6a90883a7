"""Ctrl-C and SIGTERM: the first signal ends a command in one line."""

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
from ablations.system.again import stopped_line

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 10.0  # time for work to end by itself, such as a batch in another thread
SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


_announced = threading.Event()
_received: list[int] = []  # the signals, in their order


def say() -> None:
    """Print once that the command was stopped, and how to go on."""
    if not _announced.is_set():
        _announced.set()
        os.write(2, (SHOW_CURSOR if sys.stderr.isatty() else b"") + stopped_line())


def status() -> int:
    """The exit status of a command that was stopped: 128 plus the number of the signal."""
    return 128 + (_received[0] if _received else signal.SIGINT)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let signals stop the block: children are killed, and KeyboardInterrupt is raised.

    If that does not end the process within `GRACE_S`, or a second signal comes, the process ends at once. A signal that
    was ignored before stays so: `nohup` and a shell's `&` ask for it. In a thread other than the main one, nothing
    changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    read, write = socket.socketpair()  # wakes the watcher even while the main thread is inside a library
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
    """Restore signal handlers that a library replaces in the block.

    If the library exits by a signal, so does the command.
    """
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


def _put_back(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None:  # a handler that is not Python's can't be restored
            signal.signal(number, handler)


def _raise(number: int, frame: Any) -> None:
    _received.append(number)  # Ray, for one, replaces this KeyboardInterrupt by its own
    raise KeyboardInterrupt


def _watch(signals: socket.socket) -> None:
    """Kill children at the first signal, and the process at the second.

    The process is also killed if the first signal has not ended it in time.
    """
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
            if not more:  # the command has ended; its threads must not keep the process for long
                time.sleep(GRACE_S)
        child.end_all()
        say()
        os._exit(128 + data[0])
