"""A HEAR module in a process of its own, run by the interpreter that has the module."""

import json
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from ablations.models.hear_modules.trial import ModuleFacts
from ablations.models.hear_modules.worker import GREETING, read_array
from ablations.system.child import Child, Limit, seconds_of
from downstream.disk.files import expanded
from downstream.disk.memory import available

WORKER = Path(__file__).with_name("worker.py")
TIMEOUT, TIMEOUT_S = "ABLATE_MODULE_TIMEOUT", 600.0
"""The environment variable that limits loading a module and each of its answers, and its default in seconds."""
GREETING_WITHIN = 1 << 20  # bytes that an interpreter may print of itself


def interpreter(python: str | Path, base: Path = Path()) -> Path:
    """The path of a Python interpreter.

    Args:
        python: a path with a slash, or a name that $PATH has.
        base: the folder that a path starts at.

    Raises:
        ValueError: `python` is no text.
        FileNotFoundError: the path has no program that can be run.
    """
    if not isinstance(python, str | Path):
        raise ValueError(f"python must be the path or the name of an interpreter, got {python!r}")
    # not resolved: it may be a link into its environment
    inside = "/" in str(python)
    path = (base / expanded(python)).absolute() if inside else Path(shutil.which(str(python)) or python)
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise FileNotFoundError(f"python: no interpreter at {path}")
    return path


@dataclass(frozen=True)
class Answer:
    """The JSON of an answer (see `worker`), and its arrays."""

    content: dict[str, Any]
    arrays: list[np.ndarray]


class Process:
    """A module as `api.Module`, whose functions run in another process, one call at a time.

    The process has the current folder and the environment of this one. It ends with `close`, with this object, or with
    this process. If it dies or hangs, the call raises an error and the next call starts another process, so that one
    clip does not stop the others. $ABLATE_MODULE_TIMEOUT limits loading and every call, in seconds.

    Args:
        python: the interpreter.
        name, options, weights, device: as `api.Module` takes them.

    Attributes:
        facts: what is known of the module.

    Raises:
        ValueError: what `api.Module` raises, a process that ended, or a restarted process with another model; one line.
    """

    def __init__(self, python: Path, name: str, options: Mapping[str, Any], weights: str | None, device: str) -> None:
        self.name, self.python = name, python
        self._load: dict[str, Any] = {"name": name, "options": dict(options), "weights": weights, "device": device}
        self._seconds = seconds_of(TIMEOUT, TIMEOUT_S)
        self._lock = threading.Lock()
        self._closed = False
        self.facts = self._start()

    def close(self) -> None:
        """End the process; no call starts another."""
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
        """The arrays of a call; a process that died in an earlier call is started again."""
        data = np.ascontiguousarray(audio, dtype="<f4")
        with self._lock:
            if not (self._closed or self._ended.alive) and self._start() != self.facts:
                self._ended()
                raise ValueError(f"hear:{self.name}: is another model after its process was started again")
            return self._exchange({"call": call, "shape": data.shape}, data).arrays

    def _start(self) -> ModuleFacts:
        """Start a process and load the module; `_ended` ends the process."""
        self._child = Child([str(self.python), str(WORKER)])
        self._ended = self._child.end
        try:
            return ModuleFacts(**self._exchange({"load": self._load}, greeted=False).content["facts"])
        except BaseException:
            self._ended()
            raise

    def _exchange(self, request: Mapping[str, Any], data: np.ndarray | None = None, greeted: bool = True) -> "Answer":
        """Send a request and read its answer; anything that disturbs the exchange ends the process."""
        if not self._ended.alive:
            raise ValueError(self._last_words())
        try:
            with self._child.limited(self._seconds, f"; ${TIMEOUT} sets the seconds"):
                stdin, stdout = _pipes(self._child)
                stdin.write(json.dumps(request).encode() + b"\n" + (b"" if data is None else data.tobytes()))
                stdin.flush()
                if not greeted:
                    _skip_to_greeting(self._child)
                content: dict[str, Any] = json.loads(self._child.line())
                arrays = [self._array(stdout, *described) for described in content.get("arrays", ())]
        except Limit as error:
            if not self._ended.alive:
                raise ValueError(self._last_words()) from None
            self._ended()
            raise ValueError(f"hear:{self.name}: its process ({self.python}) {error}") from None
        except (EOFError, BrokenPipeError):
            raise ValueError(self._last_words()) from None
        except BaseException:
            self._ended()
            raise
        if "error" in content:
            raise ValueError(content["error"])
        return Answer(content, arrays)

    def _array(self, stdout: BinaryIO, dtype: str, shape: Sequence[int]) -> np.ndarray:
        """Read an array that the process announced; ValueError for more than the memory can hold."""
        size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
        if size > (most := available()):
            raise ValueError(f"hear:{self.name}: an answer of {size} bytes, expected at most {most}, the free memory")
        return read_array(stdout, dtype, shape)

    def _last_words(self) -> str:
        """Say how the process ended, with the last line of its log unless it was closed, and end it."""
        if not self._ended.alive:
            return f"hear:{self.name}: its process has ended"
        how = self._child.fate(self._child.status())
        text = f"hear:{self.name}: its process ({self.python}) {how}: {self._child.last_words()}"
        self._ended()
        return text


def _pipes(child: Child) -> tuple[BinaryIO, BinaryIO]:
    """The child's stdin and stdout."""
    return cast(BinaryIO, child.process.stdin), cast(BinaryIO, child.process.stdout)


def _skip_to_greeting(child: Child) -> None:
    """Skip what an interpreter may print before the worker has taken over the pipes."""
    skipped = 0
    while not (line := child.line()).endswith(GREETING):
        skipped += len(line)
        if skipped > GREETING_WITHIN:
            child.kill(f"printed more than {GREETING_WITHIN >> 20} MB before the worker's greeting and was ended")
            raise EOFError
