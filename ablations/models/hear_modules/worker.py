"""Serve a HEAR module: the program that the module's interpreter runs, and that `process.py` talks to over pipes.

Like `api.py` and `trial.py`, which do the work, this file imports nothing of the project and keeps to the syntax of
Python 3.7. It writes `GREETING`, then answers requests until its stdin ends. Requests come on stdin and answers go to
stdout, each a line of JSON followed by the raw bytes of its arrays. An answer lists [dtype, shape] of each array:

    {"load": {name, options, weights, device}}         {"facts": the attributes of `trial.ModuleFacts`}
    {"call": "scene", "shape": [clips, samples]}       {"arrays": [[dtype, shape]]}
    {"call": "timestamps", "shape": ...}               {"arrays": [embeddings, timestamps]}

The answer is {"error": a line} if the request fails.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, Sequence  # noqa: UP035

import numpy as np

GREETING = b"HEAR module 1\n"
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Serve until stdin ends."""
    requests, answers = own_pipes()
    search_as_usual()
    api, trial = sibling("api"), sibling("trial")
    answers.write(GREETING)
    answers.flush()
    module = None  # type: Any
    for line in iter(requests.readline, b""):
        request = json.loads(line.decode())
        answer = {}  # type: dict[str, Any]
        arrays = ()  # type: tuple[np.ndarray, ...]
        try:
            if "load" in request:
                module = api.Module(**request["load"])
                answer = {"facts": dataclasses.asdict(trial.check(module))}
            else:
                audio = read_array(requests, "<f4", request["shape"])
                arrays = (module.scene(audio),) if request["call"] == "scene" else module.timestamps(audio)
                answer = {"arrays": [[array.dtype.newbyteorder("<").str, array.shape] for array in arrays]}
        except api.ModuleFault as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        for array in arrays:
            answers.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        answers.flush()


def own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for requests and answers: the module's prints go to stderr, and its stdin is empty.

    Processes that the module forks do not have the pipes, so that the pipes end when this process dies.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    for pipe in (requests, answers):
        os.register_at_fork(after_in_child=functools.partial(os.dup2, nothing, pipe.fileno(), False))
    return requests, answers


def search_as_usual() -> None:
    """Look for modules as `python -m` does: in the current folder, and not beside this file."""
    sys.path[:] = ["", *(place for place in sys.path if Path(place or ".").resolve() != HERE)]


def sibling(name: str) -> Any:
    """Import a file beside this one, under a name that nothing else imports."""
    spec = importlib.util.spec_from_file_location("_hear_modules_" + name, str(HERE / (name + ".py")))
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their types
    spec.loader.exec_module(module)
    return module


def read_array(stream: BinaryIO, dtype: str, shape: Sequence[int]) -> np.ndarray:
    """Read the raw bytes of an array, which is writable; EOFError if the stream ends before them."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    data = bytearray(stream.read(size))
    if len(data) < size:
        raise EOFError("the stream ended in an array of {} bytes".format(size))  # noqa: UP032
    return np.frombuffer(data, dtype=dtype).reshape(shape)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the process that sent requests is gone
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # threads that the module left behind do not keep the process alive
