"""hear-eval-kit in a process of its own: its interpreter, what it is asked, what it answers."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ablations.system.child import Child, seconds_of
from ablations.system.child import ask as ask_once
from downstream.disk.files import expanded

DEFAULT = Path(".kit/bin/python")
RUNNER = Path(__file__).with_name("runner.py")
START_S = 120.0  # until the kit's interpreter greets
TIMEOUT, TIMEOUT_S = "ABLATE_KIT_TIMEOUT", 86400.0
"""The environment variable that limits the wait for each of the kit's answers, and its default in seconds."""


def interpreter(kit: str | Path | None = None) -> Path:
    """The Python that has hear-eval-kit; None is `.kit/bin/python` below the current folder.

    Raises:
        FileNotFoundError: says how to make the environment.
    """
    found = (expanded(kit) if kit else DEFAULT).absolute()  # not resolved: a link into its environment
    if not found.is_file():
        raise FileNotFoundError(f"kit: no interpreter with hear-eval-kit at {found}; `make kit` makes {DEFAULT}")
    return found


def ask(kit: Path, request: Mapping[str, Any], threads: int) -> Iterator[dict[str, Any]]:
    """The answers of `kit_runner.measure`, as they come.

    Args:
        threads: of the CPU, that torch may use there.

    Raises:
        ValueError: where the kit ends with an error; holds its last line.
    """
    command = [str(kit), str(RUNNER), "measure", json.dumps({**request, "threads": threads})]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        child = Child(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL)
        try:
            for line in _lines(child):
                if answer := json.loads(line):
                    yield answer
            if status := child.status():
                raise ValueError(f"ended with status {status}: {child.last_words()}")
        except ValueError as error:
            raise ValueError(f"kit: {kit} {error}") from None
        finally:
            child.kill("was stopped")
            child.end()


def _lines(child: Child) -> Iterator[bytes]:
    """The lines of the script until it ends: its greeting soon, its answers each within its time."""
    seconds, advice = START_S, ""
    while True:
        try:
            with child.limited(seconds, advice):
                line = child.line()
        except EOFError:
            return
        yield line
        seconds, advice = seconds_of(TIMEOUT, TIMEOUT_S), f"; ${TIMEOUT} sets the seconds"


def describe(kit: Path) -> dict[str, str]:
    """The kit's version, and those of what it computes with, by name; ValueError where one is missing."""
    names = ("heareval", "torch", "pytorch-lightning", "scikit-learn", "numpy")
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    try:
        return ask_once([str(kit), "-c", code, *names], START_S, f"kit: {kit} lacks what hear-eval-kit needs")
    except ValueError as error:
        raise ValueError(f"{error}; `make kit` makes {DEFAULT}") from None
