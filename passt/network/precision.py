"""Precisions of the network: fp32, tf32 and bf16.

fp32 reproduces the published numbers; tf32 and bf16 are faster.

The front end, the residual stream and the norms are exact float32 in all three. bf16 rounds the inputs of the blocks'
products; tf32 rounds those of all products, including the patch embedding and the head. The precision is part of an
embedder's fingerprint and of every row.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

_switch = threading.RLock()  # torch's settings belong to the whole process


@dataclass(frozen=True)
class Precision:
    """How products are computed.

    Attributes:
        name: fp32, tf32 or bf16.
        dtype: type of the inputs of the blocks' products. Sums are float32.
        matmul: torch's float32_matmul_precision during the computation.
    """

    name: str
    dtype: torch.dtype
    matmul: str


PRECISIONS = {
    row.name: row
    for row in (
        Precision("fp32", torch.float32, "highest"),
        Precision("tf32", torch.float32, "high"),
        Precision("bf16", torch.bfloat16, "highest"),
    )
}


def precision_for(name: str, device: torch.device) -> Precision:
    """Look up a precision by its name.

    Raises:
        ValueError: the name is unknown, or the device can't compute in that precision.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {name!r}")
    if name not in available(device):
        raise ValueError(f"precision must be one of {', '.join(available(device))} on this {device.type}, got {name!r}")
    return PRECISIONS[name]


def available(device: torch.device) -> tuple[str, ...]:
    """List the precisions that the device and its libraries support, fp32 first."""
    if device.type == "cuda":
        ampere = torch.cuda.get_device_capability(device) >= (8, 0)
        return ("fp32", "tf32", "bf16") if ampere else ("fp32",)
    if device.type == "cpu" and torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return ("fp32", "bf16")
    return ("fp32",)


@contextlib.contextmanager
def arithmetic(matmul: str) -> Iterator[None]:
    """Compute float32 products and convolutions at one precision.

    `matmul` is "highest" or "high", as for torch's float32_matmul_precision.

    The user's settings are restored whether they were made by the settings of torch 2.9 or by the older ones.
    """
    with _switch, contextlib.ExitStack() as undo:
        for place in _places():
            undo.callback(setattr, place, "fp32_precision", place.fp32_precision)
        with contextlib.suppress(RuntimeError):  # torch can't tell once both kinds of settings were used
            undo.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision(matmul)
        cudnn: Any = torch.backends.cudnn
        onednn: Any = torch.backends.mkldnn
        if _places():
            inherited = onednn.conv.fp32_precision == onednn.fp32_precision
            undo.callback(setattr, onednn.conv, "fp32_precision", "none" if inherited else onednn.conv.fp32_precision)
            cudnn.conv.fp32_precision = onednn.conv.fp32_precision = "ieee" if matmul == "highest" else "tf32"
        else:
            settings = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
            undo.enter_context(cudnn.flags(**settings, allow_tf32=matmul != "highest"))
        yield


def _places() -> tuple[Any, ...]:
    """Where torch keeps the precision of float32 operations; () before torch 2.9."""
    backends: Any = torch.backends
    if not hasattr(backends.cuda.matmul, "fp32_precision"):
        return ()
    return backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul
