"""Compiled code gives what the functions give, for packs of any size; where it doesn't, the functions are used."""

import logging

import pytest
import torch

from downstream.probes import fused, graphs, pack
from downstream.probes.dropout import Masks, limit_of
from downstream.probes.fused import Fused, activate, activation_gradients
from downstream.probes.stacked import StackedProbes
from tests.downstream.probes.test_pack import fitting

SCALE = 1 / (1 - 0.1)
WITHOUT = "probes train without compiled code: "


def values_of(probes: int, units: int, items: int, padded: bool = False) -> tuple:
    """Arguments of `activate`; if padded, each probe has one item fewer than the one before."""
    stream = torch.Generator().manual_seed(0)
    z, parameters = torch.randn(probes, units, items, generator=stream), torch.rand(5, probes, units, generator=stream)
    bias, *norm = parameters.unbind()
    counts = (items - torch.arange(probes, dtype=torch.float32))[:, None, None] if padded else None
    padding = (torch.arange(items) < counts).to(torch.float32) if padded else None
    return z, bias, norm, counts, padding, (*Masks(range(probes)).draw(units, items), limit_of(0.1)), SCALE


@pytest.mark.slow
def test_compiled_code_serves_packs_of_every_size(monkeypatch, caplog):
    """By the compiler for a CPU: as many kernels as it makes there, and none again for other sizes."""
    from torch._dynamo.utils import counters
    from torch._inductor import config, metrics

    monkeypatch.setattr(config, "force_disable_caches", True)  # kernels that are read again are not counted
    forward, backward = Fused(activate, fused._masks), Fused(activation_gradients)
    metrics.reset()
    counters.clear()
    with torch.no_grad():
        for shape in ((3, 24, 32), (5, 24, 32), (2, 24, 26), (4, 40, 100)):
            arguments = values_of(*shape)
            inverse, out = forward(*arguments)
            backward(torch.randn(shape), out, arguments[0], inverse, arguments[2][0], None, None, SCALE)
            assert (forward.reason, backward.reason) == (None, None)
            assert counters["stats"]["unique_graphs"] == 2
    assert metrics.generated_kernel_count == KERNELS
    assert not caplog.messages


KERNELS = 18
