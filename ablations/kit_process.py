"""hear-eval-kit in a process of its own: its interpreter, what it is asked, what it answers."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from downstream.files import expanded

DEFAULT = Path(".kit/bin/python")
RUNNER = Path(__file__).with_name("kit_runner.py")


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
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
        )
        try:
            for line in process.stdout:
                yield json.loads(line)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if status:
            log.seek(0)
            lines = [line for line in log.read().splitlines() if line.strip()] or ["it said nothing"]
            raise ValueError(f"kit: {kit} ended with status {status}: {lines[-1].strip()}")


def describe(kit: Path) -> dict[str, str]:
    """The kit's version, and those of what it computes with, by name; ValueError where one is missing."""
    names = ("heareval", "torch", "pytorch-lightning", "scikit-learn", "numpy")
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    done = subprocess.run([str(kit), "-c", code, *names], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise ValueError(f"kit: {kit} lacks what hear-eval-kit needs: {lines[-1]}; `make kit` makes {DEFAULT}")
    return json.loads(done.stdout)
