"""Numbers, name and fingerprint of an embedder are those of its network, however that was changed."""

import copy
import dataclasses
import pickle
import time

import pytest
import torch
from torch import nn

from passt import EmbeddingSpec, PasstEmbedder
from passt.network.model import Passt
from passt.network.precision import available
from passt.network.snapshot import Snapshot
from tests.reference_values import clip

SPEC = EmbeddingSpec("passt_demo", levels=("block3", "features", "logits"), windows_ms=(160,), weights="demo")
TAPS = [("block3", None), ("features", None), ("logits", None)]
AUDIO = [clip(0.3, 1), clip(0.2, 2)]


def built(**options):
    return PasstEmbedder(SPEC, device="cpu", **options)


@pytest.fixture(scope="module")
def demo():
    return built()


@pytest.fixture(scope="module")
def other():
    return PasstEmbedder(EmbeddingSpec("passt_demo", weights="untrained-7"), device="cpu")


@torch.no_grad()
def values(embedder):
    return torch.cat(list(embedder.scene(AUDIO, TAPS).values()), dim=-1)


def load(embedder, other):
    embedder.net.load_state_dict(other.net.state_dict())


def load_and_assign(embedder, other):
    embedder.net.load_state_dict(copy.deepcopy(other.net.state_dict()), assign=True)


def load_in_inference_mode(embedder, other):
    with torch.inference_mode():
        embedder.net.load_state_dict(other.net.state_dict())


def copy_data(embedder, other):
    for mine, new in zip(embedder.net.parameters(), other.net.parameters(), strict=True):
        mine.data.copy_(new)


def scale_one_bias_through_data(embedder, other):
    embedder.net.blocks[4].mlp.fc1.bias.data.mul_(1.5)


def replace_data(embedder, other):
    embedder.net.blocks[2].attn.proj.weight.data = other.net.blocks[2].attn.proj.weight.data.clone()


def turn_data(embedder, other):
    weight = embedder.net.blocks[2].attn.proj.weight
    weight.data = weight.data.T


def write_numpy(embedder, other):
    embedder.net.blocks[2].attn.proj.weight.detach().numpy()[:] = 0.01


def write_one_value(embedder, other):
    with torch.no_grad():
        embedder.net.blocks[1].mlp.fc2.weight[3, 5] = 7.0


def initialize(embedder, other):
    for block in embedder.net.blocks:
        nn.init.normal_(block.mlp.fc1.weight, std=0.1, generator=torch.Generator().manual_seed(1))


def from_vector(embedder, other):
    vector = nn.utils.parameters_to_vector(other.net.parameters())
    nn.utils.vector_to_parameters(vector, embedder.net.parameters())


def replace_parameter(embedder, other):
    embedder.net.cls_token = nn.Parameter(other.net.cls_token.detach().clone())


def replace_block(embedder, other):
    embedder.net.blocks[3] = other.net.blocks[3]


def exchange_blocks(embedder, other):
    blocks = embedder.net.blocks
    blocks[0], blocks[5] = blocks[5], blocks[0]


def replace_network(embedder, other):
    embedder.net = other.net


def round_and_back(embedder, other):
    embedder.net.bfloat16().float()


def step_of(optimizer, **options):
    def step(embedder, other):
        embedder.net.requires_grad_(True)
        embedder.net(embedder.mel(AUDIO[0])[None], ["logits"])["logits"].square().sum().backward()
        optimizer(embedder.net.parameters(), lr=1e-2, **options).step()
        embedder.net.requires_grad_(False)

    return step


CHANGES = [
    *(load, load_and_assign, load_in_inference_mode, copy_data, scale_one_bias_through_data, replace_data, turn_data),
    *(write_numpy, write_one_value, initialize, from_vector, replace_parameter, replace_block, exchange_blocks),
    *(replace_network, round_and_back),
    step_of(torch.optim.SGD),
    step_of(torch.optim.AdamW, foreach=True),
    step_of(torch.optim.AdamW, fused=True),  # whose writes torch does not count
]


@pytest.mark.parametrize("change", CHANGES)
def test_numbers_name_and_fingerprint_follow(change, demo, other):
    embedder = built()
    change(embedder, other)
    wanted = PasstEmbedder(SPEC, weights=embedder.net.state_dict(), device="cpu")
    found = values(embedder)
    assert torch.equal(found, values(wanted))
    assert not torch.equal(found, values(demo))
    assert embedder.fingerprint == wanted.fingerprint != demo.fingerprint
    assert (embedder.name, embedder.spec) == (wanted.name, wanted.spec)
    assert embedder.spec.weights.startswith("sha256-")


@pytest.mark.parametrize("change", [load, copy_data, replace_block, replace_network])
def test_copies_and_workers_compute_what_their_original_does(change, other):
    embedder = built()
    change(embedder, other)
    found = values(embedder)
    for twin in (copy.copy(embedder), copy.deepcopy(embedder), pickle.loads(pickle.dumps(embedder))):
        assert torch.equal(values(twin), found)
        assert (twin.fingerprint, twin.name) == (embedder.fingerprint, embedder.name)


def test_what_changes_no_number_changes_no_name(demo):
    embedder = built()
    embedder.net.requires_grad_(True).train().zero_grad()
    assert torch.equal(values(embedder), values(demo))
    embedder.to("cpu")
    twin = copy.deepcopy(embedder)
    for one in (embedder, twin):
        assert (one.name, one.fingerprint, str(one.spec)) == (demo.name, demo.fingerprint, str(demo.spec))


def test_a_shallow_copy_with_another_network_leaves_its_original_as_it_is(demo, other):
    embedder = built()
    twin = copy.copy(embedder)
    twin.net = other.net
    assert torch.equal(values(embedder), values(demo))
    assert embedder.name == demo.name != twin.name


def half(embedder):
    embedder.net.half()


def double(embedder):
    embedder.net.to(torch.float64)


def another_kind(embedder):
    embedder.net = nn.Linear(2, 2)


def another_architecture(embedder):
    embedder.net = Passt(dataclasses.replace(embedder.net.architecture, hop=160, heads=4))


def fewer_blocks(embedder):
    del embedder.net.blocks[3]


def no_head(embedder):
    embedder.net.head = nn.Identity()


def another_head(embedder):
    embedder.net.head[1] = nn.Linear(192, 10)


def elsewhere(embedder):
    embedder.net.to("meta")


def another_front_end(embedder):
    embedder.mel.bands.mul_(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (half, "net must stay float32, got float16 in cls_token"),
        (double, "net must stay float32, got float64 in cls_token"),
        (another_kind, "net must be a Passt, got Linear"),
        (another_architecture, "net's hop must be 320, got 160"),
        (fewer_blocks, r"net has no blocks.11 any more"),
        (no_head, "net has no head.0 any more"),
        (another_head, r"net's head.1.weight must be \(747, 192\), got \(10, 192\)"),
        (elsewhere, "is on cpu, its net on meta"),
        (another_front_end, "its front end was changed, which is fixed"),
    ],
)
def test_what_can_not_be_followed_is_refused_in_one_line(change, message):
    embedder = built()
    change(embedder)
    for _ in range(2):
        with pytest.raises(ValueError, match=f"passt_demo@demo: {message}") as error:
            embedder.scene(AUDIO, TAPS)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [0, 5, 11])  # of the last block usually two tokens alone are computed
@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_on_blocks_fire(number, kind, demo):
    embedder, seen = built(), []
    hook = getattr(embedder.net.blocks[number], kind)(lambda module, inputs, *output: seen.append(inputs[0].shape))
    found = values(embedder)
    assert [shape[0] for shape in seen] == [1, 1]
    assert torch.allclose(found, values(demo), atol=2e-4)
    with pytest.raises(ValueError, match="no fingerprint tells what it computes: a hook is on its Block"):
        _ = embedder.fingerprint
    hook.remove()
    assert torch.equal(values(embedder), values(demo))
    assert len(seen) == 2
    assert embedder.fingerprint == demo.fingerprint


def test_what_a_hook_gives_is_computed_with(demo):
    embedder = built()
    embedder.net.blocks[-1].register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    assert (embedder.scene(AUDIO, TAPS)["features", None].std(0) == 0).all()


def test_layers_of_other_kinds_compute_as_they_are(demo):
    class Added(nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.linear, self.added = linear, nn.Parameter(torch.full((576, 192), 1e-3))

        def forward(self, x):
            return self.linear(x) + x @ self.added.T

    embedder = built()
    attention = embedder.net.blocks[0].attn
    attention.qkv = Added(attention.qkv)
    wanted = built()
    wanted.net.blocks[0].attn.qkv.weight += 1e-3
    assert torch.allclose(values(embedder), values(wanted), atol=5e-4)
    assert not torch.allclose(values(embedder), values(demo), atol=5e-4)
    with pytest.raises(ValueError, match=r"its layer blocks.0.attn.qkv is a Added"):
        _ = embedder.fingerprint


def test_gradients_are_those_of_the_network_alone(demo):
    embedder, plain = built(), copy.deepcopy(demo.net).requires_grad_(True)
    embedder.net.requires_grad_(True)
    audio = torch.stack([clip(0.16, 1), clip(0.16, 2)])
    found = embedder.scene_embedding(audio)
    levels = plain(demo.mel(audio), SPEC.levels)
    wanted = torch.cat([levels[level] for level in SPEC.levels], dim=-1)
    assert torch.allclose(found, wanted, atol=2e-5)
    assert torch.allclose(found, demo.scene_embedding(audio), atol=2e-4)
    for output in (found, wanted):
        output.square().mean().backward()
    for (name, mine), other in zip(embedder.net.named_parameters(), plain.parameters(), strict=True):
        assert (mine.grad is None) == (other.grad is None) == name.startswith("head_dist"), name
        if other.grad is not None:
            assert (mine.grad - other.grad).abs().max() <= 1e-5 * other.grad.abs().max(), name
    values, _ = embedder.timestamp_embedding(audio)
    values.sum().backward()
    with torch.no_grad():
        assert not embedder.scene_embedding(audio).requires_grad


def test_one_parameter_that_learns_changes_the_embeddings(demo):
    embedder = built()
    embedder.net.blocks[7].mlp.fc1.weight.requires_grad_(True)
    optimizer = torch.optim.AdamW([embedder.net.blocks[7].mlp.fc1.weight], lr=1e-7, fused=True)
    embedder.scene_embedding(AUDIO[0][None]).square().sum().backward()
    optimizer.step()
    assert torch.equal(values(embedder), values(PasstEmbedder(SPEC, weights=embedder.net.state_dict(), device="cpu")))


@pytest.mark.skipif("bf16" not in available(torch.device("cpu")), reason="this processor has no bf16 products")
def test_in_bf16_weights_are_followed_and_the_rest_is_refused(other):
    embedder = built(precision="bf16")
    load(embedder, other)
    wanted = PasstEmbedder(SPEC, weights=other.net.state_dict(), device="cpu", precision="bf16")
    assert torch.equal(values(embedder), values(wanted))
    hook = embedder.net.blocks[0].register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match="a hook is on its Block, so that bf16 can't be computed; use fp32"):
        values(embedder)
    hook.remove()
    embedder.net.requires_grad_(True)
    with pytest.raises(ValueError, match="its parameters want gradients, so that bf16 can't be computed; use fp32"):
        embedder.scene(AUDIO, TAPS)


def test_looking_takes_little_time(demo):
    snapshot, best = Snapshot(demo.net), float("inf")
    for _ in range(20):
        start = time.perf_counter()
        assert snapshot.holds(demo.net)
        best = min(best, time.perf_counter() - start)
    assert best < 2e-3  # 0.15 ms on a quiet machine
