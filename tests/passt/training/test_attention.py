"""Attention in tiles against torch's own, forward and backward."""

import pytest
import torch
from torch.nn import functional as F

from passt.network import onednn
from passt.network.precision import available
from passt.training import attention as module
from passt.training.attention import attention
from passt.training.data.streams import stream

TOLERANCES = {torch.float32: 2e-5, torch.bfloat16: 0.05}  # of values of about 1
pytestmark = pytest.mark.skipif(not onednn.works(), reason="oneDNN can't be used on this machine")
needs_bf16 = pytest.mark.skipif("bf16" not in available(torch.device("cpu")), reason="no bf16 on this processor")
KEYS = 37


def inputs(reads: int) -> list[torch.Tensor]:
    """Queries, keys and values as the network's: heads behind tokens in memory."""
    shapes = ((reads, "q"), (KEYS, "k"), (KEYS, "v"))
    found = [torch.randn(2, n, 3, 8, generator=stream(name)).transpose(1, 2) for n, name in shapes]
    return [part.requires_grad_() for part in found]


def gradients(found: torch.Tensor, of: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(found, of, torch.randn(found.shape, generator=stream("gradient")).to(found))


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(module, "TILED_FROM", 0)


@pytest.mark.parametrize("kept_bytes", [0, 2**24])
@pytest.mark.parametrize("tile", [10**6, 5 * KEYS])  # several heads of bf16 at a time; a head in eight tiles
@pytest.mark.parametrize("reads", [2, KEYS])
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=needs_bf16)])
def test_attention(always, monkeypatch, kept_bytes, tile, reads, dtype):
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(onednn, "TILE", tile)
    plain = inputs(reads)
    wanted = F.scaled_dot_product_attention(*plain)
    found = attention(*(part.to(dtype) for part in plain))
    assert found.dtype == dtype
    assert torch.allclose(found.float(), wanted, atol=TOLERANCES[dtype])
    for one, other in zip(gradients(found, plain), gradients(wanted, plain), strict=True):
        assert torch.allclose(one, other, atol=TOLERANCES[dtype])


def test_scores_are_kept_for_the_backward_pass_only_where_they_are_few(always, monkeypatch):
    def saved() -> int:
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            attention(*inputs(KEYS))
        return sum(sizes)

    scores = 2 * 3 * KEYS * KEYS
    monkeypatch.setattr(module, "KEPT_BYTES", 4 * scores)
    kept = saved()
    monkeypatch.setattr(module, "KEPT_BYTES", 4 * scores - 1)
    assert kept - saved() == scores


def test_short_sequences_in_float32_are_left_to_torch(monkeypatch):
    monkeypatch.setattr(module, "_Attention", None)
    plain = inputs(KEYS)
    assert torch.equal(attention(*plain), F.scaled_dot_product_attention(*plain))
