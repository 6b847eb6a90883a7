"""Devices: which GPU a name stands for, and how errors say that memory ran out."""

import contextlib
import os
from contextlib import AbstractContextManager

import torch

OUT_OF_MEMORY = (
    "can't allocate memory",  # torch, in main memory
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DEVICE_ALLOCATION_FAILED",  # cuDNN 9
    "CUFFT_ALLOC_FAILED",
)
"""What the messages of libraries hold that found no memory. torch's own allocator has an exception for it."""


def placed(device: str | torch.device) -> torch.device:
    """Name a device in full: "cuda" becomes the GPU of this process, such as "cuda:0".

    torch's current GPU belongs to a thread, and threads begin with GPU 0. So a device without an index would be another
    one in a helper thread.

    Args:
        device: "cpu", "cuda", "cuda:0", ..., or "auto" for CUDA if it is available and the CPU otherwise. Under
            torchrun "cuda" is the GPU of the process's local rank.

    Raises:
        ValueError: there is no such device. The message names those that there are.
    """
    name = str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device must be {available()}, got {name!r}") from None
    if place.type != "cuda":
        return place
    if place.index is None:
        place = torch.device("cuda", _own_gpu())
    if not torch.cuda.is_available() or place.index >= torch.cuda.device_count():
        raise ValueError(f"device must be {available()}, got {name!r}")
    return place


def _own_gpu() -> int:
    """The index of the GPU that this process computes on if nothing else is said."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return int(os.environ.get("LOCAL_RANK", "0"))
    return torch.cuda.current_device() if torch.cuda.is_initialized() else 0  # asking would start CUDA here


def available() -> str:
    """The devices that there are, for people."""
    if not torch.cuda.is_available():
        return "cpu: torch sees no CUDA device here"
    last = torch.cuda.device_count() - 1
    return "cpu or cuda" if not last else f"cpu, cuda or cuda:0 to cuda:{last}"


def current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the current one of this thread, which pinned memory and libraries belong to."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def is_out_of_memory(error: BaseException) -> bool:
    """Check whether an error says that memory ran out, of torch or of a library that it calls."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and "NCCL" not in text and any(sign in text for sign in OUT_OF_MEMORY)
