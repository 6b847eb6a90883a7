"""A HEAR module in a process of its own; run by the interpreter that has it, asked by `process.py` over pipes.

Like `api.py`, which does the work, this file imports nothing of the project and keeps to old syntax. On stdin come
requests, on stdout go answers, each a line of JSON and the raw bytes of the arrays that it lists ([dtype, shape] each):

    {"load": {name, options, weights, device}}         {"about": ...}
    {"call": "scene", "shape": [clips, samples]}       {"arrays": [[dtype, shape]]}
    {"call": "timestamps", "shape": ...}               {"arrays": [embeddings, timestamps]}

and {"error": a line} where that fails. It starts with `GREETING` and ends with its stdin.
"""

import functools
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np

GREETING = b"HEAR module 1\n"
HERE = Path(__file__).resolve().parent


def main():
    """Serve until stdin ends."""
    requests, answers = own_pipes()
    search_as_usual()
    api = sibling("api")
    answers.write(GREETING)
    answers.flush()
    module = None
    for line in iter(requests.readline, b""):
        request = json.loads(line.decode())
        arrays = []
        try:
            if "load" in request:
                module = api.Module(**request["load"])
                answer = {"about": module.about}
            else:
                audio = read_array(requests, "<f4", request["shape"])
                found = getattr(module, request["call"])(audio)
                arrays = found if isinstance(found, tuple) else (found,)
                answer = {"arrays": [[array.dtype.newbyteorder("<").str, array.shape] for array in arrays]}
        except api.ModuleFault as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        for array in arrays:
            answers.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        answers.flush()


def own_pipes():
    """stdin and stdout for requests and answers alone: the module's prints go to stderr, and it has nothing to read.

    Processes that the module forks don't have them: where this one dies, the pipes are to end.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    for pipe in (requests, answers):
        os.register_at_fork(after_in_child=functools.partial(os.dup2, nothing, pipe.fileno(), False))
    return requests, answers


def search_as_usual():
    """Modules are looked for as by `python -m`: in the current folder, and not beside this file."""
    sys.path[:] = ["", *(place for place in sys.path if Path(place or ".").resolve() != HERE)]


def sibling(name):
    """A file beside this one, under a name that no module's import finds."""
    spec = importlib.util.spec_from_file_location("_hear_modules_" + name, str(HERE / (name + ".py")))
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def read_array(stream, dtype, shape):
    """An array from its raw bytes, writable; EOFError where the stream ends in them."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    data = bytearray(stream.read(size))
    if len(data) < size:
        raise EOFError("the stream ended in an array of {} bytes".format(size))  # noqa: UP032
    return np.frombuffer(data, dtype=dtype).reshape(shape)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # who asked is gone
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # threads that the module left behind do not keep it alive
