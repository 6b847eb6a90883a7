"""Build the libraries of the pretended device, once for each version of torch and of their sources.

This module does not import torch: one of the libraries has to be loaded before it.
"""

import fcntl
import functools
import hashlib
import importlib.util
import os
import runpy
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "native"
TORCH = Path(importlib.util.find_spec("torch").origin).parent
VERSION = runpy.run_path(str(TORCH / "version.py"))
BUILT_FOR = "2.13"
"""The version of torch whose interfaces the sources follow."""


@functools.cache
def reason_against() -> str:
    """Say why there can be no pretended device here; "" if there can be one."""
    if VERSION["cuda"] is not None:
        return "this torch has CUDA of its own"
    if not VERSION["__version__"].startswith(f"{BUILT_FOR}."):
        return f"the pretended CUDA device is written for torch {BUILT_FOR}, not {VERSION['__version__']}"
    if shutil.which("g++") is None:
        return "the pretended CUDA device needs g++"
    if not (TORCH / "include" / "ATen" / "ATen.h").is_file():
        return "the pretended CUDA device needs torch's headers"
    return ""


def libraries() -> tuple[Path, Path]:
    """Build the libraries if they are not there yet, and return their paths.

    Returns:
        The answers that take the place of torch's own, to be loaded before torch; and the device.
    """
    content = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()))
    digest = hashlib.sha256(f"{VERSION['__version__']} {TORCH}".encode() + content).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"pretended-cuda-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise RuntimeError(f"{folder}: belongs to another user")
    paths = folder / "answers.so", folder / "device.so"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes of a test run want it at once
        if not paths[0].exists():
            _compile("answers.cpp", paths[0], ["-ldl"])
        if not paths[1].exists():
            places = [f"-I{TORCH / 'include'}", f"-I{TORCH / 'include' / 'torch' / 'csrc' / 'api' / 'include'}"]
            _compile("device.cpp", paths[1], [*places, f"-L{TORCH / 'lib'}", "-ltorch_cpu", "-lc10"])
    return paths


def _compile(source: str, library: Path, options: list[str]) -> None:
    unfinished = library.with_suffix(".unfinished")
    command = ["g++", "-shared", "-fPIC", "-std=c++20", "-O2", str(SOURCES / source), "-o", str(unfinished), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        raise RuntimeError(f"{source}: g++ failed: {(errors or [done.stderr[-500:]])[0]}")
    unfinished.rename(library)
