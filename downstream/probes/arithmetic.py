"""The precision of float32 products while probes are trained and used: exact, or TF32 where a protocol says so.

torch keeps that setting for the whole process. Whatever a process has set does not reach probes, and comes back.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch

EXACT, TF32 = "highest", "high"  # as torch's float32_matmul_precision names them
AMPERE = (8, 0)  # the first compute capability with TF32


class _Setting:
    """The setting of this process: threads that want the same share it, others wait for their turn."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._users = 0
        self._matmul = ""
        self._undo = contextlib.ExitStack()

    def enter(self, matmul: str) -> None:
        with self._turn:
            self._turn.wait_for(lambda: not self._users or self._matmul == matmul)
            if not self._users:
                self._matmul, self._undo = matmul, _pinned(matmul)
            self._users += 1

    def leave(self) -> None:
        with self._turn:
            self._users -= 1
            if not self._users:
                self._undo.close()
                self._turn.notify_all()


_setting = _Setting()


@contextlib.contextmanager
def arithmetic(matmul: str) -> Iterator[None]:
    """Compute float32 products at one precision, `EXACT` or `TF32`; within it a thread can't ask for the other."""
    _setting.enter(matmul)
    try:
        yield
    finally:
        _setting.leave()


def check_tf32(device: str) -> None:
    """Raise ValueError for a device that can't compute in TF32."""
    where = torch.device(device)
    if where.type != "cuda":
        raise ValueError(f"protocol: tf32 needs a CUDA device, got {device}")
    if torch.cuda.get_device_capability(where) < AMPERE:
        raise ValueError(f"protocol: tf32 needs a GPU of compute capability 8.0 or later, {device} has less")


def _pinned(matmul: str) -> contextlib.ExitStack:
    """Set the precision; closing what is returned brings the user's settings back, the older and the newer ones."""
    undo = contextlib.ExitStack()
    for place in _places():
        undo.callback(setattr, place, "fp32_precision", place.fp32_precision)
    with contextlib.suppress(RuntimeError):  # torch can't tell once both kinds of settings were used
        undo.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision(matmul)
    return undo


def _places() -> tuple[Any, ...]:
    """Where torch keeps the precision of products; () before torch 2.9."""
    backends: Any = torch.backends
    return (backends.cuda.matmul, backends.mkldnn.matmul) if hasattr(backends.cuda.matmul, "fp32_precision") else ()
