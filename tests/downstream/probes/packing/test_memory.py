"""Which errors say that the memory is full."""

import pytest
import torch

from downstream.probes.packing import memory
from downstream.probes.packing.memory import is_out_of_memory
from passt import devices

FULL = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    torch.cuda.OutOfMemoryError(),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
]
OTHERS = [
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("cuFFT error: CUFFT_INVALID_SIZE"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    ValueError("CUFFT_ALLOC_FAILED"),
    MemoryError(),
]


EITHER = pytest.mark.parametrize("is_full", [is_out_of_memory, devices.is_out_of_memory], ids=["probes", "networks"])


@EITHER
@pytest.mark.parametrize("error", FULL, ids=str)
def test_a_full_memory_is_seen(error, is_full):
    assert is_full(error)


@EITHER
@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_not_taken_for_one(error, is_full):
    assert not is_full(error)


def test_probes_and_networks_know_the_same_messages():
    assert memory.OUT_OF_MEMORY == devices.OUT_OF_MEMORY
