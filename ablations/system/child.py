"""Processes that this one starts: they end with it, and they neither hang nor print without end.

A child is killed by the system when this process ends, even by SIGKILL (on Linux). It leads a group of its own, so that
what it starts in turn ends with it, and Ctrl-C in a terminal reaches this process alone.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

START = Path(__file__).with_name("child_start.py")
LINE_BYTES = 1 << 20  # the longest line that is read of a child
LOG_BYTES = 256 << 20  # the most that a child may write to its log
LAST_BYTES = 1 << 16  # of the log, in which its last line is looked for
SECONDS_TO_END = 5.0  # before a child that was told to end is killed
PEER_S = 7200.0  # that a measurement by another program may take
LOOK_S = 0.5  # between two looks at a child's log

_living: "weakref.WeakSet[Child]" = weakref.WeakSet()
_starter: list[ThreadPoolExecutor] = []  # one thread that lives as long as this process
os.register_at_fork(after_in_child=_starter.clear)


class Limit(ValueError):
    """A child that was killed because it took too long or printed too much; the text says which."""


def seconds_of(variable: str, default: float) -> float:
    """A time limit in seconds from the environment.

    Raises:
        ValueError: for what is no number above 0.
    """
    text = os.environ.get(variable) or str(default)
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise ValueError(f"${variable} must be a number of seconds above 0, got {text!r}")


class Child:
    """A running program, with pipes for its stdin and stdout; what it writes to stderr goes to a log.

    Args:
        command: the program and its arguments. options: those of `subprocess.Popen`, such as `env` and `cwd`.

    Attributes:
        process: its `subprocess.Popen`.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        program = shutil.which(command[0]) or command[0]
        whole = [sys.executable, "-I", "-S", str(START), str(os.getpid()), program, *command[1:]]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._log}
        # a child dies with the thread that started it, and threads that embed do not live long
        self.process = (
            _long_lived().submit(subprocess.Popen, whole, start_new_session=True, **{**pipes, **options}).result()
        )
        self.end = weakref.finalize(self, _end, self.process, self._log)
        self._why = ""
        _living.add(self)

    @property
    def alive(self) -> bool:
        """Whether it was not ended from here; it may have died by itself."""
        return self.end.alive

    def line(self) -> bytes:
        """The next line of its stdout; EOFError at the end, Limit for a line without end."""
        line = self.process.stdout.readline(LINE_BYTES)
        if not line:
            raise EOFError
        if len(line) == LINE_BYTES:
            self.kill(f"printed a line of more than {LINE_BYTES} bytes")
            raise Limit(self._why)
        return line

    @contextlib.contextmanager
    def limited(self, seconds: float, advice: str = "") -> Iterator[None]:
        """Kill the child where it takes longer meanwhile, or fills its log; a read of it then ends in EOFError.

        Raises:
            Limit: says so, in place of the error that the kill caused.
        """
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over, seconds, advice), daemon=True)
        watcher.start()
        try:
            yield
        except (EOFError, OSError, ValueError):
            if self._why:
                raise Limit(self._why) from None
            raise
        finally:
            over.set()
            watcher.join()

    def _watch(self, over: threading.Event, seconds: float, advice: str) -> None:
        end = time.monotonic() + seconds
        while not over.wait(min(LOOK_S, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                return self.kill(f"gave no answer in {seconds:g} s and was ended{advice}")
            with contextlib.suppress(ValueError):  # closed in between
                if os.fstat(self._log.fileno()).st_size > LOG_BYTES:
                    return self.kill(f"printed more than {LOG_BYTES >> 20} MB and was ended")

    def kill(self, why: str) -> None:
        """End it and what it started, at once; `why` is what `limited` then raises."""
        self._why = self._why or why
        _kill(self.process)

    def status(self) -> int:
        """Its exit status, once it has closed its stdout; it is killed where it does not end."""
        _finish(self.process)
        return self.process.returncode

    def last_words(self) -> str:
        """The last line of its log."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LAST_BYTES))
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return f"{lines[-1] if lines else 'it said nothing':.400}"

    def fate(self, status: int) -> str:
        """How it ended, in words."""
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def run(command: Sequence[str], seconds: float) -> bytes:
    """Run a program to its end and return what it prints.

    Raises:
        ValueError: it failed, took too long or printed too much; one line.
    """
    child = Child(command)
    try:
        with child.limited(seconds):
            child.process.stdin.close()
            text = child.process.stdout.read(LOG_BYTES + 1)
        if len(text) > LOG_BYTES:
            raise Limit(f"it printed more than {LOG_BYTES >> 20} MB and was ended")
        if status := child.status():
            raise ValueError(f"it {child.fate(status)}: {child.last_words()}")
        return text
    finally:
        child.end()


def ask(command: Sequence[str], seconds: float, what: str) -> Any:
    """Run a program to its end and return the JSON that it prints.

    Args:
        seconds: that it may take. what: the beginning of an error's line.

    Raises:
        ValueError: as of `run`, or for no JSON; one line.
    """
    try:
        text = run(command, seconds)
        if not text:
            raise ValueError("it ended with status 0 and no answer")
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{what}: {' '.join(str(error).split())}") from None


def end_all() -> None:
    """Kill every child at once: what waits for one then goes on."""
    for child in list(_living):
        if child.alive:
            child.kill("was stopped")


def _long_lived() -> ThreadPoolExecutor:
    if not _starter:
        _starter.append(ThreadPoolExecutor(1, thread_name_prefix="children"))
    return _starter[0]


def _kill(process: subprocess.Popen) -> None:
    """Kill a child and its group; nothing where it was waited for, for its number may be another's then."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _finish(process: subprocess.Popen) -> None:
    """Wait until a child ends, kill it where it doesn't, and with it the rest of its group."""
    last = time.monotonic() + SECONDS_TO_END
    while process.returncode is None and time.monotonic() < last:
        with contextlib.suppress(ChildProcessError):
            if not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                time.sleep(0.005)
                continue
        break
    _kill(process)
    process.wait()


def _end(process: subprocess.Popen, log: BinaryIO) -> None:
    if process.stdin:
        with contextlib.suppress(OSError):  # it had ended, with something unread
            process.stdin.close()
    _finish(process)
    process.stdout.close()
    log.close()
