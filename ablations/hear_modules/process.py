"""A HEAR module in a process of its own, with the interpreter that has it: started, asked, ended."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ablations.hear_modules.worker import GREETING, read_array
from downstream.files import expanded

WORKER = Path(__file__).with_name("worker.py")
LOG_BYTES = 2**16  # at its end that are looked at, of a log that may be of any size
SECONDS_TO_END = 5  # before a process that was told to end is killed


def interpreter(python: str | Path, base: Path = Path()) -> Path:
    """The Python that `python` names: a path with a slash, relative to `base`, or a name that $PATH has.

    Raises:
        ValueError, FileNotFoundError: for what is no text, or where there is nothing that can be run.
    """
    if not isinstance(python, str | Path):
        raise ValueError(f"python must be the path or the name of an interpreter, got {python!r}")
    # not resolved: it may be a link into its environment
    inside = "/" in str(python)
    found = (base / expanded(python)).absolute() if inside else Path(shutil.which(str(python)) or python)
    if not (found.is_file() and os.access(found, os.X_OK)):
        raise FileNotFoundError(f"python: no interpreter at {found}")
    return found


class Process:
    """A module as `api.Module`, whose functions run in another process; one call at a time.

    The process has the current folder and the environment of this one. It ends with `close`, with this object, or with
    this process. Where it died, the call says so, and the next one starts another: one clip does not stop the others.

    Args:
        python: the interpreter. name, options, weights, device: as `api.Module` takes them.

    Raises:
        ValueError: what `api.Module` raises, a process that ended, one started again that is another model; one line.
    """

    def __init__(self, python: Path, name: str, options: Mapping[str, Any], weights: str | None, device: str) -> None:
        self.name, self.python = name, python
        self._load = {"name": name, "options": dict(options), "weights": weights, "device": device}
        self._lock = threading.Lock()
        self._closed = False
        self.about = self._started()

    def close(self) -> None:
        """End the process, for good."""
        self._closed = True
        self._ended()

    def scene(self, audio: np.ndarray) -> np.ndarray:
        """(clips, samples) float32 -> (clips, scene_embedding_size) float32."""
        return self._embed("scene", audio)[0]

    def timestamps(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(clips, samples) float32 -> (clips, steps, timestamp_embedding_size) float32, (steps,) float64 in ms."""
        values, times = self._embed("timestamps", audio)
        return values, times

    def _embed(self, call: str, audio: np.ndarray) -> list[np.ndarray]:
        data = np.ascontiguousarray(audio, dtype="<f4")
        return self._ask({"call": call, "shape": data.shape}, data)[1]

    def _ask(self, request: Mapping[str, Any], data: np.ndarray) -> tuple[dict[str, Any], list[np.ndarray]]:
        """An answer and its arrays, from a process that is started again where it died in an earlier call."""
        with self._lock:
            if not (self._closed or self._ended.alive) and self._started() != self.about:
                self._ended()
                raise ValueError(f"hear:{self.name}: is another model after its process was started again")
            return self._exchange(request, data)

    def _started(self) -> dict[str, Any]:
        """What a new process says of the module; `_ended` ends it."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [str(self.python), str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
            )
        except OSError as error:
            raise ValueError(f"python: {self.python} can't be run: {error.strerror}") from None
        self._ended = weakref.finalize(self, _end, self._process, self._log)
        try:
            return self._exchange({"load": self._load}, greeted=False)[0]["about"]
        except BaseException:
            self._ended()
            raise

    def _exchange(
        self, request: Mapping[str, Any], data: np.ndarray | None = None, greeted: bool = True
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """An answer and its arrays; whatever disturbs the exchange ends the process, which is out of step then."""
        if not self._ended.alive:
            raise ValueError(self._last_words())
        try:
            stdin, stdout = self._process.stdin, self._process.stdout
            stdin.write(json.dumps(request).encode() + b"\n" + (b"" if data is None else data.tobytes()))
            stdin.flush()
            if not greeted:
                _skip_to_greeting(stdout)
            answer = json.loads(_line(stdout))
            arrays = [read_array(stdout, dtype, shape) for dtype, shape in answer.get("arrays", ())]
        except (EOFError, BrokenPipeError):
            raise ValueError(self._last_words()) from None
        except BaseException:
            self._ended()
            raise
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer, arrays

    def _last_words(self) -> str:
        """How the process ended, and the last line of its log, unless it was closed."""
        if not self._ended.alive:
            return f"hear:{self.name}: its process has ended"
        try:
            status = self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_BYTES))
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        self._ended()
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"hear:{self.name}: its process ({self.python}) {how}: {lines[-1] if lines else 'it said nothing':.400}"


def _skip_to_greeting(stream: BinaryIO) -> None:
    """Past what an interpreter may print before the worker has the pipes for itself."""
    while not _line(stream).endswith(GREETING):
        pass


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline()
    if not line:
        raise EOFError
    return line


def _end(process: subprocess.Popen, log: BinaryIO) -> None:
    """Tell a process to end, and kill it where it doesn't."""
    with contextlib.suppress(BrokenPipeError):  # it had ended, with something unread
        process.stdin.close()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    log.close()
