"""hear-eval-kit in a process of its own: its interpreter, requests and answers."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ablations.system import child as children
from downstream.disk.files import expanded

DEFAULT = Path(".kit/bin/python")
RUNNER = Path(__file__).with_name("runner.py")
START_S = 120.0  # for the script's greeting
TIMEOUT, TIMEOUT_S = "ABLATE_KIT_TIMEOUT", 86400.0
"""The environment variable that limits the wait for each of the kit's answers, and its default in seconds."""


def interpreter(kit: str | Path | None = None) -> Path:
    """Return the Python that has hear-eval-kit; None is `.kit/bin/python` below the current folder.

    Raises:
        FileNotFoundError: says how to make the environment.
    """
    python = (expanded(kit) if kit else DEFAULT).absolute()  # not resolved: a link into its environment
    if not python.is_file():
        raise FileNotFoundError(f"kit: no interpreter with hear-eval-kit at {python}; `make kit` makes {DEFAULT}")
    return python


def ask(kit: Path, request: Mapping[str, Any], threads: int) -> Iterator[dict[str, Any]]:
    """Yield the answers of `runner.measure` as they come.

    Args:
        kit: the interpreter.
        request: what is to be measured.
        threads: CPU threads of torch there.

    Raises:
        ValueError: if the kit ends with an error, or takes too long; holds its last line.
    """
    command = [str(kit), str(RUNNER), "measure", json.dumps({**request, "threads": threads})]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        child = children.Child(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL)
        seconds, advice = START_S, ""
        try:
            with contextlib.suppress(EOFError):
                while True:
                    with child.limited(seconds, advice):
                        line = child.line()
                    if answer := json.loads(line):  # the greeting is empty
                        yield answer
                    seconds = children.seconds_of(TIMEOUT, TIMEOUT_S)
                    advice = f"; ${TIMEOUT} sets the seconds"
            if status := child.status():
                raise ValueError(f"ended with status {status}: {child.last_words()}")
        except ValueError as error:
            raise ValueError(f"kit: {kit} {error}") from None
        finally:
            child.kill("was stopped")
            child.end()


def describe(kit: Path) -> dict[str, str]:
    """Return package -> version, of the kit and of what it computes with; ValueError if one is missing."""
    names = ("heareval", "torch", "pytorch-lightning", "scikit-learn", "numpy")
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    command, error_start = [str(kit), "-c", code, *names], f"kit: {kit} lacks what hear-eval-kit needs"
    try:
        versions: dict[str, str] = children.ask(command, START_S, error_start)
    except ValueError as error:
        raise ValueError(f"{error}; `make kit` makes {DEFAULT}") from None
    return versions
