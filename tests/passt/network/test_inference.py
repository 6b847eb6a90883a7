"""The forms of the network that compute share its tensors and give its levels."""

import copy

import pytest
import torch

from passt import EmbeddingSpec, PasstEmbedder
from passt.network import inference, onednn
from passt.network.precision import PRECISIONS
from tests.reference_values import clip

LIGHT = EmbeddingSpec("passt_demo", weights="untrained-0")
CPU = torch.device("cpu")
TAPS = [("block1", None), ("features", None)]


@pytest.fixture(scope="module")
def embedder():
    return PasstEmbedder(LIGHT, device="cpu")


def test_the_loaded_network_stays_as_it_is(embedder):
    assert all(isinstance(tensor, torch.Tensor) for tensor in embedder.net.state_dict().values())
    assert embedder.net.blocks[0].mlp.fc1.weight.dtype == torch.float32
    ready = inference.ready(embedder.net, PRECISIONS["fp32"], CPU)
    assert ready.blocks[0].norm1.weight is embedder.net.blocks[0].norm1.weight
    assert ready.patch_embed is embedder.net.patch_embed
    assert ready.blocks is not embedder.net.blocks


def test_the_plain_network_and_the_ready_one_agree_on_every_level(embedder):
    mel = embedder.mel(clip(3.1, 1))[None]
    levels = [level for level in embedder.dims if level not in ("mel", "melmean")]
    with torch.no_grad():
        wanted, found = embedder.net(mel, levels), embedder._ready(mel, levels)
    assert found.keys() == wanted.keys()
    for level in levels:
        assert torch.allclose(found[level], wanted[level], atol=2e-5), level


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_weights_of_the_blocks_products_have_the_precisions_type_on_cuda(embedder, name, dtype):
    ready = inference.ready(embedder.net, PRECISIONS[name], torch.device("cuda"))
    for block in ready.blocks:
        for linear in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
            assert linear.weight.dtype == linear.bias.dtype == dtype
        assert block.norm1.weight.dtype == torch.float32
    assert ready.patch_embed.proj.weight.dtype == torch.float32
    assert all(tensor.dtype == torch.float32 for tensor in embedder.net.state_dict().values())


@pytest.mark.skipif(not onednn.works(), reason="oneDNN can't be used on this machine")
def test_torch_compile_is_not_used_on_packed_layers_which_is_said(embedder, caplog):
    compiled = PasstEmbedder(LIGHT, device="cpu", compiled=True)
    assert "torch.compile: not used (it can't take layers packed for oneDNN" in caplog.text
    audio = [clip(0.4, 1)]
    wanted, found = embedder.scene(audio, TAPS), compiled.scene(audio, TAPS)
    assert all(torch.equal(found[tap], wanted[tap]) for tap in TAPS)
    assert compiled.fingerprint == embedder.fingerprint


def test_a_compiler_that_fails_is_done_without_which_is_said(embedder, monkeypatch, caplog):
    def for_short_clips_only(function):
        def run(x):
            if x.shape[1] > 50:
                raise RuntimeError("no C++ compiler\nand more of it")
            return function(x)

        return run

    monkeypatch.setattr(onednn, "works", lambda dtype: False)
    monkeypatch.setattr(torch, "compile", for_short_clips_only)
    plain = PasstEmbedder(LIGHT, device="cpu", compiled=True)
    assert plain._ready.blocks[0].mlp.fc1 is plain.net.blocks[0].mlp.fc1
    for seconds in (0.4, 1.4):
        found, wanted = plain.scene([clip(seconds, 1)], TAPS), embedder.scene([clip(seconds, 1)], TAPS)
        assert all(torch.allclose(found[tap], wanted[tap], atol=2e-5) for tap in TAPS)
    assert caplog.text.count("torch.compile: not used (no C++ compiler)") == 1


def test_what_torch_compile_makes_is_used_for_all_blocks(embedder, monkeypatch):
    calls = []

    def compiling(function):
        def run(*args):
            calls.append(function)
            return function(*args)

        return run

    monkeypatch.setattr(onednn, "works", lambda dtype: False)
    monkeypatch.setattr(torch, "compile", compiling)
    compiled = PasstEmbedder(LIGHT, device="cpu", compiled=True)
    calls.clear()
    found, wanted = compiled.scene([clip(0.4, 1)], TAPS), embedder.scene([clip(0.4, 1)], TAPS)
    assert len(calls) == 12 - 1  # the last block's two tokens are computed as they are
    assert all(torch.allclose(found[tap], wanted[tap], atol=2e-5) for tap in TAPS)


def test_an_embedder_moves_and_is_copied(embedder):
    mine = PasstEmbedder(LIGHT, device="cpu")
    assert mine.to("cpu") is mine
    for one in (mine, copy.deepcopy(mine)):
        found, wanted = one.scene([clip(0.4, 1)], TAPS), embedder.scene([clip(0.4, 1)], TAPS)
        assert all(torch.equal(found[tap], wanted[tap]) for tap in TAPS)


def test_building_draws_nothing_from_the_users_random_stream(embedder):
    before = torch.get_rng_state()
    PasstEmbedder(LIGHT, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.gpu
def test_torch_compile_on_cuda(cuda, embedder):
    compiled = PasstEmbedder(LIGHT, device=cuda, precision="bf16", compiled=True)
    found, wanted = compiled.scene([clip(2.0, 1)], TAPS), embedder.scene([clip(2.0, 1)], TAPS)
    for tap in TAPS:
        assert torch.nn.functional.cosine_similarity(found[tap], wanted[tap]).min() >= 0.999
