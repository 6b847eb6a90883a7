"""Faults that only a GPU shows: each is put in, and has to be seen."""

import pytest
import torch

from passt import PasstEmbedder
from passt.network import inference
from passt.windows import transfer
from tests.pretended_cuda.allowed_waits import others
from tests.pretended_cuda.test_embedders import OFF, SPEC, assert_products_in, off
from tests.reference_values import clip

CLIPS = [clip(1.0, 1), clip(0.7, 2)]
TAP = ("features", None)


def scenes(precision="fp32"):
    return PasstEmbedder(SPEC, device="cuda", precision=precision).scene(CLIPS, [TAP])[TAP]


@pytest.mark.parametrize(
    ("pinned", "kind"), [(False, "copy to the device from pageable memory"), (True, "blocking copy to the device")]
)
def test_copies_that_block_are_seen(pretended_cuda, monkeypatch, pinned, kind):
    def blocking(stacks, device):
        here = [torch.stack(list(stack)) for stack in stacks]
        return [(stack.pin_memory() if pinned else stack).to(device) for stack in here]

    scenes()
    assert not others(pretended_cuda.waits)
    monkeypatch.setattr(transfer, "sent", blocking)
    scenes()
    (place,) = others(pretended_cuda.waits)
    assert place.startswith("passt/windows/transfer.py:")
    assert place.endswith(f" stacked: {kind}")
    pretended_cuda.waits.clear()


def test_results_that_leave_without_a_wait_are_seen(pretended_cuda, monkeypatch):
    wanted = PasstEmbedder(SPEC, device="cpu").scene(CLIPS, [TAP])[TAP]
    assert off(scenes(), wanted) <= OFF["fp32"][1]
    real = torch.cuda.current_stream()
    never = type(
        "Stream", (), {"synchronize": lambda self: None, "__getattr__": lambda self, name: getattr(real, name)}
    )
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: never())
    assert scenes().isnan().all()


def test_weights_that_are_not_rounded_are_seen(pretended_cuda, monkeypatch):
    wanted = PasstEmbedder(SPEC, device="cpu").scene(CLIPS, [TAP])[TAP]
    monkeypatch.setattr(inference, "_rounded", lambda linear, dtype: linear)
    with pretended_cuda.counting() as counts:
        found = scenes("bf16")
    assert off(found, wanted) < OFF["bf16"][0]
    with pytest.raises(AssertionError):
        assert_products_in(counts, "bf16", SPEC)


def test_pinned_memory_that_is_written_too_early_is_seen(pretended_cuda):
    buffer = torch.zeros(4, pin_memory=True)
    there = buffer.to("cuda", non_blocking=True)
    buffer.fill_(1)
    torch.cuda.synchronize()
    assert pretended_cuda.overwritten == 1
    assert there.sum().item() == 0
    pretended_cuda.reset()


def test_memory_that_was_never_written_is_seen(pretended_cuda):
    assert torch.empty(5, device="cuda").isnan().all()


def test_memory_that_runs_out_is_seen(pretended_cuda):
    pretended_cuda.limit(pretended_cuda.allocated + 4100)
    with pytest.raises(torch.cuda.OutOfMemoryError, match="CUDA out of memory"):
        torch.zeros(2000, device="cuda")
    assert torch.zeros(1000, device="cuda").sum().item() == 0
