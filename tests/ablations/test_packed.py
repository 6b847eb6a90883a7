"""Packed convolutions compute what the layers in their place did."""

import copy

import pytest
import torch
from torch import nn

from ablations import models
from ablations.baselines import packed
from ablations.baselines.cnn import ready
from ablations.baselines.mobilenet import MobileNet, convolution
from passt.precision import PRECISIONS

pytestmark = pytest.mark.skipif(not packed.works(), reason="oneDNN can't be used here")


@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("activation", [None, nn.ReLU, nn.Hardswish])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 2), (5, 1)])
@pytest.mark.parametrize("shape", [(1, 16, 20, 12), (3, 16, 7, 5)])
def test_a_convolution_and_its_activation(groups, activation, kernel, stride, shape):
    net = convolution(16, 16, kernel, activation, stride, groups).eval()
    plain = nn.Sequential(net[0], nn.Identity(), *net[2:])
    twin = copy.deepcopy(plain)
    packed.pack(twin, torch.zeros(1, 16, 20, 12))
    assert [type(module).__name__ for module in twin] == ["PackedConv", *["Identity"] * (len(plain) - 1)]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(twin(x), plain(x), atol=1e-5)


def test_an_activation_behind_a_norm_stays():
    net = nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
    packed.pack(net, torch.zeros(1, 2, 8, 8))
    assert [type(module).__name__ for module in net] == ["PackedConv", "BatchNorm2d", "ReLU"]


def test_where_it_cannot_be_used_the_numbers_are_the_same(monkeypatch, caplog):
    text = "mn01_as@untrained-0"
    sound = [0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))]
    taps = [("block3", None), ("logits", None)]
    wanted = models.build(models.resolve(text), device="cpu").scene(sound, taps)
    packed.works.cache_clear()
    monkeypatch.setattr(packed, "PackedConv", lambda *_: 1 / 0)
    embedder = models.build(models.resolve(text), device="cpu")
    packed.works.cache_clear()
    assert "oneDNN can't be used here (division by zero)" in caplog.text
    assert not any(type(module).__name__ == "PackedConv" for module in embedder._ready.modules())
    for tap, value in embedder.scene(sound, taps).items():
        assert (value - wanted[tap]).abs().max() <= 1e-5 * wanted[tap].abs().max()


def test_the_network_itself_stays_as_it_was_loaded():
    net = MobileNet(0.1).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    ready(net, PRECISIONS["fp32"])
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    assert net.dtype == torch.float32
    assert net.frames_in_cache is None
