"""Start other programs, which end with this process and are limited in time and output.

On Linux the system kills a child when this process ends, even by SIGKILL. A child leads a process group of its own:
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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

START = Path(__file__).with_name("child_start.py")
LINE_BYTES = 1 << 20  # length limit of a line of output
LOG_BYTES = 256 << 20  # size limit of the log, and of output that is read as a whole
LAST_BYTES = 1 << 16  # end of the log that is searched for its last line
SECONDS_TO_END = 5.0  # how long a child that closed its output may take to exit
PEER_S = 7200.0  # time limit of a measurement by another program
LOOK_S = 0.5  # interval between two looks at the size of the log

_living: "weakref.WeakSet[Child]" = weakref.WeakSet()
_starter: list[ThreadPoolExecutor] = []  # at most one; its thread lives as long as this process
os.register_at_fork(after_in_child=_starter.clear)


class Limit(ValueError):
    """A child was killed because it took too long or printed too much; the message says which."""


def seconds_of(variable: str, default: float) -> float:
    """Read a time limit in seconds from the environment.

    Args:
        variable: name of the variable.
        default: the limit if it is absent or empty.

    Raises:
        ValueError: the variable is no number above 0.
    """
    text = os.environ.get(variable) or str(default)
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise ValueError(f"${variable} must be a number of seconds above 0, got {text!r}")


class Child:
    """A running program with pipes to its stdin and stdout; its stderr goes to a log.

    Args:
        command: the program and its arguments.
        stdin: a pipe, or `subprocess.DEVNULL`.
        env: its environment; None for that of this process.
        cwd: its current folder; None for that of this process.

    Attributes:
        process: the `subprocess.Popen` of the program.
        end: ends the program and closes its pipes; called again, it does nothing.
        killed_because: why `kill` was called; "" if it was not.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        program = shutil.which(command[0]) or command[0]
        started = [sys.executable, "-I", "-S", str(START), str(os.getpid()), program, *command[1:]]
        log = self._log.fileno()

        def start() -> subprocess.Popen[bytes]:
            pipe = subprocess.PIPE
            return subprocess.Popen(
                started, stdin=stdin, stdout=pipe, stderr=log, env=env, cwd=cwd, start_new_session=True
            )

        # a child dies with the thread that started it, and threads that embed do not live long
        self.process = _long_lived().submit(start).result()
        self.end = weakref.finalize(self, _end, self.process, self._log)
        self.killed_because = ""
        _living.add(self)

    @property
    def alive(self) -> bool:
        """Whether `end` was not called yet; the program may have died by itself."""
        return self.end.alive

    def line(self) -> bytes:
        """Read the next line of its stdout.

        Raises:
            EOFError: it closed its stdout.
            Limit: the line is too long.
        """
        line = _pipe(self.process.stdout).readline(LINE_BYTES)
        if not line:
            raise EOFError
        if len(line) == LINE_BYTES:
            self.kill(f"printed a line of more than {LINE_BYTES} bytes")
            raise Limit(self.killed_because)
        return line

    @contextlib.contextmanager
    def limited(self, seconds: float, advice: str = "") -> Iterator[None]:
        """Kill the child if the block takes too long or the log grows too large.

        Reads of a killed child end in EOFError.

        Args:
            seconds: time limit of the block.
            advice: end of the message about the time limit.

        Raises:
            Limit: the child was killed; replaces the error that the kill caused in the block.
        """
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over, seconds, advice), daemon=True)
        watcher.start()
        try:
            yield
        except (EOFError, OSError, ValueError):
            if self.killed_because:
                raise Limit(self.killed_because) from None
            raise
        finally:
            over.set()
            watcher.join()

    def _watch(self, over: threading.Event, seconds: float, advice: str) -> None:
        end = time.monotonic() + seconds
        while not over.wait(min(LOOK_S, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                self.kill(f"gave no answer in {seconds:g} s and was ended{advice}")
                return
            with contextlib.suppress(ValueError):  # the log was closed in between
                if os.fstat(self._log.fileno()).st_size > LOG_BYTES:
                    self.kill(f"printed more than {LOG_BYTES >> 20} MB and was ended")
                    return

    def kill(self, reason: str) -> None:
        """Kill the program and everything that it started.

        Args:
            reason: the message of the error that `limited` then raises; the first one counts.
        """
        self.killed_because = self.killed_because or reason
        _kill(self.process)

    def status(self) -> int:
        """The exit status of a program that has closed its stdout.

        If it does not exit soon, it is killed.
        """
        _finish(self.process)
        return int(self.process.returncode)

    def last_words(self) -> str:
        """The last line of the log."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LAST_BYTES))
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return f"{lines[-1] if lines else 'it said nothing':.400}"

    def fate(self, status: int) -> str:
        """What an exit status means, in words."""
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def run(command: Sequence[str], seconds: float, cwd: str | Path | None = None) -> bytes:
    """Run a program to its end, and return what it prints.

    Args:
        command: the program and its arguments.
        seconds: time limit in s.
        cwd: its current folder; None for that of this process.

    Raises:
        Limit: it took too long or printed too much.
        ValueError: it failed.
    """
    child = Child(command, cwd=cwd)
    try:
        with child.limited(seconds):
            _pipe(child.process.stdin).close()
            output = _pipe(child.process.stdout).read(LOG_BYTES + 1)
        if len(output) > LOG_BYTES:
            raise Limit(f"it printed more than {LOG_BYTES >> 20} MB and was ended")
        status = child.status()
        if child.killed_because:
            raise Limit(f"it {child.killed_because}")
        if status:
            raise ValueError(f"it {child.fate(status)}: {child.last_words()}")
        return output
    finally:
        child.end()


def ask(command: Sequence[str], seconds: float, task: str) -> Any:
    """Run a program to its end, and return the value of the JSON that it prints.

    Args:
        command: the program and its arguments.
        seconds: time limit in s.
        task: what can't be done if this fails; the beginning of the error message.

    Raises:
        ValueError: as `run`, or the program prints no JSON; one line.
    """
    try:
        output = run(command, seconds)
        if not output:
            raise ValueError("it ended with status 0 and no answer")
        return json.loads(output)
    except ValueError as error:
        raise ValueError(f"{task}: {' '.join(str(error).split())}") from None


def end_all() -> None:
    """Kill every child at once; whatever waits for one goes on."""
    for child in list(_living):
        if child.alive:
            child.kill("was stopped")


def _long_lived() -> ThreadPoolExecutor:
    """The thread that starts children."""
    if not _starter:
        _starter.append(ThreadPoolExecutor(1, thread_name_prefix="children"))
    return _starter[0]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and its group, unless it was waited for.

    After that, its number may belong to another process.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a child to exit, then kill what is left of its group.

    If it takes too long, the child is killed too.
    """
    last = time.monotonic() + SECONDS_TO_END
    while process.returncode is None and time.monotonic() < last:
        with contextlib.suppress(ChildProcessError):
            if not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                time.sleep(0.005)
                continue
        break
    _kill(process)
    process.wait()


def _end(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    if process.stdin:
        with contextlib.suppress(OSError):  # it had ended without reading everything
            process.stdin.close()
    _finish(process)
    _pipe(process.stdout).close()
    log.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """A stream of a child, which must be a pipe."""
    if stream is None:
        raise TypeError("the child was started without this pipe")
    return stream
