"""A device has its index from the door on, and every library's way to say that memory ran out is known."""

import pytest
import torch

from passt.devices import is_out_of_memory, placed
from passt.training.group import processes


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs, as torch tells it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)


@pytest.mark.usefixtures("gpus")
def test_a_gpu_has_its_index(monkeypatch):
    assert [str(placed(name)) for name in ("cpu", "cuda", "cuda:1", "auto")] == ["cpu", "cuda:0", "cuda:1", "cuda:0"]
    assert placed(torch.device("cuda")) == torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert str(placed("cuda")) == "cuda:1"


@pytest.mark.usefixtures("gpus")
def test_under_torchrun_it_is_the_processs_own(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert str(placed("cuda")) == "cuda:1"
    assert str(placed("cuda:0")) == "cuda:0"


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize("name", ["cuda:2", "cuda:x", "nonsense", ""])
def test_devices_that_are_not_there(name):
    with pytest.raises(ValueError, match=f"^device must be cpu, cuda or cuda:0 to cuda:1, got '{name}'$"):
        placed(name)


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert str(placed("auto")) == "cpu"
    with pytest.raises(ValueError, match="device must be cpu: torch sees no CUDA device here, got 'cuda'"):
        placed("cuda")
    with pytest.raises(ValueError, match="got 'cuda:3'"), processes("cuda:3"):
        pass


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 5 bytes"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("Triton Error [CUDA]: CUDA_ERROR_OUT_OF_MEMORY"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), True),
        (RuntimeError("cuFFT error: CUFFT_INVALID_SIZE"), False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"), False),
        (RuntimeError("NCCL error: unhandled cuda error; last error: CUDA error: out of memory"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_what_says_that_memory_ran_out(error, memory):
    assert is_out_of_memory(error) is memory
