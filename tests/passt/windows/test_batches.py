"""Batches give every window its own result, stay within their budget, and come smaller where memory is short."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passt.windows import batches
from passt.windows.batches import Budget, forward_in_batches

VIEWS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([4, 5, 8])), min_size=1, max_size=6)


def group_of(view):
    return view.shape[-1] // 4


def sums(windows):
    assert len({group_of(window) for window in windows}) == 1
    return {"sum": torch.cat([window.sum(1, keepdim=True) for window in windows])}


@given(VIEWS, st.integers(1, 30), st.integers(1, 3))
def test_every_window_gets_its_own_result_within_the_budget(shapes, size, cost):
    views = [torch.randn(count, samples) for count, samples in shapes]
    sizes = []

    def forward(windows):
        sizes.append(sum(map(len, windows)))
        return sums(windows)

    found = forward_in_batches(views, forward, group_of=group_of, budget=Budget(size), cost_of=lambda _: cost)
    assert max(sizes) <= max(1, size // cost)
    assert sum(sizes) == sum(map(len, views))
    for view, result in zip(views, found["sum"], strict=True):
        assert torch.allclose(result, view.sum(1, keepdim=True))


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("can't allocate memory: 5 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    ],
)
def test_too_large_batches_come_again_smaller_and_the_budget_stays_so(error, caplog):
    views, budget, tried = [torch.randn(7, 4), torch.randn(6, 4)], Budget(64), []

    def forward(windows):
        tried.append(sum(map(len, windows)))
        if tried[-1] > 4:
            raise error
        return sums(windows)

    found = forward_in_batches(views, forward, group_of=group_of, budget=budget)
    assert tried == [13, 6, 3, 3, 3, 3, 1]
    assert budget.size == 3
    assert "out of memory with 13 windows at once: going on with 6" in caplog.text
    for view, result in zip(views, found["sum"], strict=True):
        assert torch.allclose(result, view.sum(1, keepdim=True))


def test_memory_that_runs_out_in_windows_halves_too():
    class Spectrograms(list):
        def __getitem__(self, rows):
            if rows.stop - rows.start > 3:
                raise RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED")
            return torch.stack(super().__getitem__(rows))

    windows = torch.randn(8, 4)
    found = forward_in_batches([Spectrograms(windows)], sums, group_of=lambda _: 1, budget=Budget(64))
    assert torch.allclose(found["sum"][0], windows.sum(1, keepdim=True))


def test_what_no_smaller_batch_helps_is_raised():
    def too_large(windows):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    def broken(windows):
        raise RuntimeError("shapes do not fit")

    budget = Budget(4)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        forward_in_batches([torch.zeros(4, 4)], too_large, group_of=group_of, budget=budget)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        forward_in_batches([torch.zeros(4, 4)], broken, group_of=group_of, budget=Budget(4))


def test_a_budget_is_of_the_memory_there_is(monkeypatch):
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "mem_get_info", {3: (6_000, 20_000)}.__getitem__)
    monkeypatch.setattr(torch.cuda, "memory_reserved", {3: 5_000}.__getitem__)
    monkeypatch.setattr(torch.cuda, "memory_allocated", {3: 1_000}.__getitem__)
    assert Budget.of_memory(cuda, on_cpu=7, bytes_per_unit=10).size == 500
    assert Budget.of_memory(cuda, on_cpu=7, bytes_per_unit=10, share=0.1).size == 100
    assert Budget.of_memory(cuda, on_cpu=7, bytes_per_unit=10**9).size == 1
    assert Budget.of_memory(torch.device("cpu"), on_cpu=100, bytes_per_unit=10**9).size == 100
    monkeypatch.setattr(batches, "MOST_BYTES", 3_000)
    assert Budget.of_memory(cuda, on_cpu=7, bytes_per_unit=10).size == 300
