"""Errors that say that the memory is full, which CUDA and its libraries word in ways of their own."""

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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, so that less of the same work may fit."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY)
