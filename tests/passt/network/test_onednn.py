"""Packed layers and tiled attention are what torch's own are, to rounding."""

import pytest
import torch
from torch.nn import functional as F

from passt import EmbeddingSpec, PasstEmbedder
from passt.network import onednn
from passt.network.model import Linear
from tests.reference_values import clip

LIGHT = "passt_l_kd_p16_128_ap47"

pytestmark = pytest.mark.skipif(not onednn.works(), reason="oneDNN can't be used on this machine")


def random(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 14), (2, 300)])
@torch.no_grad()
def test_a_packed_layer_is_the_layer(dtype, tolerance, shape):
    torch.manual_seed(0)
    linear = Linear(64, 96)
    packed = onednn.PackedLinear(linear, dtype)
    x, plus = random(*shape, 64), random(*shape, 96, seed=1)
    for arguments in ({}, {"gelu": True}, {"plus": plus}, {"plus": random(*shape, 192)[..., :96]}):
        assert torch.allclose(packed(x, **arguments).float(), linear(x, **arguments), atol=tolerance), arguments


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize(("reads", "tokens"), [(14, 14), (2, 300), (255, 255), (256, 256), (1190, 1190), (601, 1999)])
@torch.no_grad()
def test_tiled_attention_is_attention(dtype, tolerance, reads, tokens):
    qkv = random(2, tokens, 3 * 3 * 64)
    q, k, v = (part.unflatten(-1, (3, 64)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
    found = onednn.attention(*(part.to(dtype) for part in (q[:, :, :reads], k, v)))
    assert found.shape == (2, 3, reads, 64)
    assert torch.allclose(found.float(), F.scaled_dot_product_attention(q[:, :, :reads], k, v), atol=tolerance)


def test_tiles_cover_every_score_once():
    for heads, reads, tokens, at_once in ((24, 1190, 1190, 24), (12, 2, 3830, 1), (5, 3000, 3000, 5)):
        seen = torch.zeros(heads, reads, dtype=torch.int)
        for some, few in onednn.tiles(heads, reads, tokens, at_once):
            seen[some, few] += 1
            assert seen[some, few].numel() * tokens <= max(onednn.TILE, tokens) * 1.01
        assert (seen == 1).all()


def test_without_onednn_the_numbers_stay_and_the_log_says_why(monkeypatch, caplog):
    spec = EmbeddingSpec(LIGHT, weights="untrained-0")
    taps = [("block3", None), ("block7.patches", None), ("logits", None)]
    wanted = PasstEmbedder(spec, device="cpu").scene([clip(1.5, 1)], taps)
    monkeypatch.setattr(onednn.PackedLinear, "forward", lambda self, x, **_: x * 0)
    plain = PasstEmbedder(spec, device="cpu")
    assert "oneDNN can't be used here (its products are off by" in caplog.text
    found = plain.scene([clip(1.5, 1)], taps)
    for tap in taps:
        assert torch.allclose(found[tap], wanted[tap], atol=2e-5)
