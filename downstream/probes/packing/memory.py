"""Errors that say that the memory is full, which CUDA and its libraries word in ways of their own."""

import torch

SIGNS = (
    "CUDA error: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUFFT_ALLOC_FAILED",
    "can't allocate memory",  # of a CPU
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory of the device is full, and less of the same work may fit."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
