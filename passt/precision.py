"""The arithmetic of the network: fp32, which gives the originals' numbers, and the faster tf32 and bf16.

The front end, the residual stream, norms and the head stay float32 in all of them; what differs are the products of the
transformer's blocks. The precision is part of an embedder's fingerprint and of every row.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch

_switch = threading.RLock()  # torch's switches are the process's


@dataclass(frozen=True)
class Precision:
    """How the products of the blocks are computed.

    Attributes:
        dtype: of their inputs; sums are float32.
        matmul: torch's float32_matmul_precision meanwhile.
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
    """The precision of that name.

    Raises:
        ValueError: for an unknown name, or what the device can't do.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {name!r}")
    if name not in available(device):
        raise ValueError(f"precision must be one of {', '.join(available(device))} on this {device.type}, got {name!r}")
    return PRECISIONS[name]


def available(device: torch.device) -> tuple[str, ...]:
    """The precisions that the device computes faster than by imitating them, fp32 first."""
    if device.type == "cuda":
        ampere = torch.cuda.get_device_capability(device) >= (8, 0)
        return ("fp32", "tf32", "bf16") if ampere else ("fp32",)
    if device.type == "cpu" and torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return ("fp32", "bf16")
    return ("fp32",)


@contextlib.contextmanager
def arithmetic(matmul: str) -> Iterator[None]:
    """torch's float32 products and convolutions at `matmul` ("highest" or "high"), whatever the user's settings."""
    with _switch:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(matmul)
        try:
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=matmul != "highest"):
                yield
        finally:
            torch.set_float32_matmul_precision(before)
