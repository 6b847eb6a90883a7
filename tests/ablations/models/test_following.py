"""The baselines' numbers, names and fingerprints follow their networks."""

import copy
import pickle

import pytest
import torch
from torch import nn

from ablations.models import registry
from ablations.models.baselines.melproj import MelProjectionEmbedder
from downstream import extract
from passt import EmbeddingSpec
from passt.network.precision import available
from tests.reference_values import clip

TAPS = {
    "mn01_as@untrained-0": [("block3", None), ("logits", None)],
    "cnn14@untrained-0": [("block1", None), ("block2", None)],
    "crepe_tiny": [("layer5", None), ("logits", None)],
}
NETWORKS = pytest.mark.parametrize("text", TAPS)
MOBILE_NET = "mn01_as@untrained-0"


def built(text, **options):
    return registry.build(registry.resolve(text), device="cpu", **options)


@pytest.fixture(scope="module")
def originals():
    return {text: built(text) for text in TAPS}


@torch.no_grad()
def values(embedder, text):
    audio = clip(0.5, 1, embedder.sample_rate)
    return torch.cat(list(embedder.scene([audio], TAPS[text]).values()), dim=-1)


def replaced(embedder):
    net = copy.deepcopy(embedder.net)
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.mul_(0.9)
    return net


def load(embedder):
    embedder.net.load_state_dict(replaced(embedder).state_dict())


def copy_data(embedder):
    for mine, new in zip(embedder.net.parameters(), replaced(embedder).parameters(), strict=True):
        mine.data.copy_(new)


def replace_network(embedder):
    embedder.net = replaced(embedder)


CHANGES = [(text, load) for text in TAPS]
CHANGES += [(MOBILE_NET, copy_data), (MOBILE_NET, replace_network), ("crepe_tiny", copy_data)]


@pytest.mark.parametrize(("text", "change"), CHANGES)
def test_numbers_and_fingerprint_follow(change, text, originals):
    embedder = built(text)
    change(embedder)
    wanted = copy.copy(originals[text])
    wanted.net = embedder.net
    found = values(embedder, text)
    assert torch.equal(found, values(wanted, text))
    assert not torch.allclose(found, values(originals[text], text), rtol=1e-3)
    assert embedder.fingerprint == wanted.fingerprint != originals[text].fingerprint
    assert embedder.name.partition("@sha256-")[0] == text.partition("@")[0]
    for twin in (copy.copy(embedder), *([] if "cnn14" in text else [pickle.loads(pickle.dumps(embedder))])):
        assert torch.equal(values(twin, text), found)
        assert (twin.name, twin.fingerprint) == (embedder.name, embedder.fingerprint)


def test_a_changed_network_has_the_fingerprint_of_its_file(tmp_path):
    embedder = built(MOBILE_NET)
    load(embedder)
    torch.save(embedder.net.state_dict(), tmp_path / "mine.pt")
    spec, path = registry.resolve_with_file("mn01_as", tmp_path / "mine.pt")
    read = registry.build(spec, device="cpu", weights=path)
    assert read.fingerprint == embedder.fingerprint
    assert torch.equal(values(read, MOBILE_NET), values(embedder, MOBILE_NET))


@NETWORKS
def test_hooks_fire(text, originals):
    embedder, seen = built(text), []
    layer = next(module for module in embedder.net.modules() if isinstance(module, nn.Conv2d))
    layer.register_forward_hook(lambda *_: seen.append(1))
    found, wanted = values(embedder, text), values(originals[text], text)
    assert seen
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    with pytest.raises(ValueError, match="no fingerprint tells what it computes: a hook is on its Conv2d"):
        _ = embedder.fingerprint


@pytest.mark.parametrize("text", [MOBILE_NET, "crepe_tiny"])
def test_an_optimizer_trains_the_network(text, originals):
    embedder = built(text)
    embedder.net.requires_grad_(True)
    optimizer = torch.optim.SGD(embedder.net.parameters(), lr=1e-3)
    audio, losses = clip(0.5, 1, embedder.sample_rate), []
    for _ in range(3):
        found = torch.cat(list(embedder.scene([audio], TAPS[text]).values()), dim=-1)
        loss = (found / found.detach().abs().max()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert any(tensor.grad.abs().max() > 0 for tensor in embedder.net.parameters() if tensor.grad is not None)
    assert not torch.equal(values(embedder, text), values(originals[text], text))
    assert embedder.fingerprint != originals[text].fingerprint


def test_training_mode_is_for_training(originals):
    embedder = built(MOBILE_NET)
    embedder.net.train()
    with pytest.raises(ValueError, match=r"its network is in training mode; call net.eval\(\) before embedding"):
        values(embedder, MOBILE_NET)
    embedder.net.requires_grad_(True)
    embedder.scene([clip(0.5, 1)], [("block3", None)])  # moves the norms' running statistics
    embedder.net.eval()
    assert not torch.equal(values(embedder, MOBILE_NET), values(originals[MOBILE_NET], MOBILE_NET))


@pytest.mark.skipif("bf16" not in available(torch.device("cpu")), reason="this processor has no bf16 products")
@pytest.mark.parametrize("text", [MOBILE_NET, "crepe_tiny"])
def test_rounded_forms_follow(text):
    embedder, wanted = built(text, precision="bf16"), built(text, precision="bf16")
    before = values(embedder, text)
    load(embedder)
    wanted.net = copy.deepcopy(embedder.net)
    assert (
        embedder.net.state_dict()["classifier.bias" if "crepe" in text else "classifier.5.bias"].dtype == torch.float32
    )
    assert torch.equal(values(embedder, text), values(wanted, text))
    assert not torch.equal(values(embedder, text), before)


def test_the_fingerprint_of_a_floor_is_of_its_numbers_now():
    embedder = MelProjectionEmbedder(EmbeddingSpec("melproj", ("projection",), weights="untrained-0"))
    before = embedder.fingerprint
    embedder.matrix.mul_(2)
    assert embedder.fingerprint != before
    embedder.matrix.div_(2)
    assert embedder.fingerprint == before


def test_what_goes_to_a_store_needs_no_gradients(originals):
    embedder = built(MOBILE_NET)
    embedder.net.requires_grad_(True)
    found, lengths, _ = extract._embed(embedder, [clip(0.5, 1)], TAPS[MOBILE_NET], None)
    assert lengths == [1]
    assert (
        found["logits", None] == originals[MOBILE_NET].scene([clip(0.5, 1)], TAPS[MOBILE_NET])["logits", None].numpy()
    ).all()
