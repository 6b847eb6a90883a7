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
KERNELS = 18  # loops that torch 2.13 makes of both functions for a CPU; without it they are 50 launches


def values_of(probes: int, units: int, items: int, padded: bool = False) -> tuple:
    """Arguments of `activate`; if padded, each probe has one item fewer than the one before."""
    stream = torch.Generator().manual_seed(0)
    z = torch.randn(probes, units, items, generator=stream)
    bias, *norm = (0.5 + torch.rand(5, probes, units, generator=stream)).unbind()
    counts = (items - torch.arange(probes, dtype=torch.float32))[:, None, None] if padded else None
    padding = (torch.arange(items) < counts).to(torch.float32) if padded else None
    return z, bias, norm, counts, padding, (*Masks(range(probes)).draw(units, items), limit_of(0.1)), SCALE


@pytest.mark.slow
def test_compiled_code_serves_packs_of_every_size(monkeypatch):
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


def compiled_as(monkeypatch, function) -> Fused:
    """As if torch.compile made this of `activate`."""
    monkeypatch.setattr(torch, "compile", lambda plain, **options: function)
    return Fused(activate, fused._masks)


def nearly(*arguments):
    inverse, out = activate(*arguments)
    return inverse, out * (1 + 1e-4)


def other_masks(z, bias, norm, counts, padding, masks, scale):
    """A value is kept that should be dropped, one so small that ReLU makes it 0 anyhow."""
    inverse, out = activate(z, bias, norm, counts, padding, None, scale)
    kept = fused.kept(*masks)
    kept.view(-1)[torch.where(kept == 0, z, torch.inf).argmin()] = 1
    return inverse, out * kept


def failing(*arguments):
    raise RuntimeError("no compiler\nand much more")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (nearly, "its results are off by 1.0e-04"),
        (other_masks, "its masks are others"),
        (failing, "no compiler"),
        (lambda *arguments: (activate(*arguments)[0], torch.tensor(torch.nan)), "its results are off by nan"),
    ],
)
@pytest.mark.parametrize("padded", [False, True])
def test_code_that_gives_something_else_is_not_used(monkeypatch, caplog, function, reason, padded):
    caplog.set_level(logging.INFO)
    found, wanted = values_of(3, 8, 20, padded), values_of(3, 8, 20, padded)
    compiled = compiled_as(monkeypatch, function)
    for one, other in zip(compiled(*found), activate(*wanted), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(found[0], wanted[0])
    assert caplog.messages == [f"probes train without compiled code: activate: {reason}"]
    compiled(*found)
    assert len(caplog.messages) == 1


def test_memory_that_runs_out_is_the_packs_matter(monkeypatch):
    def scarce(*arguments):
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError):
        compiled_as(monkeypatch, scarce)(*values_of(3, 8, 20))


def test_what_is_checked_once_for_each_kind(monkeypatch):
    calls = []

    def compiled(*arguments):
        calls.append(len(arguments[0]))
        return activate(*arguments)

    code = compiled_as(monkeypatch, compiled)
    for arguments in (values_of(3, 8, 20), values_of(2, 8, 10), values_of(1, 8, 20), values_of(3, 8, 20, padded=True)):
        code(*arguments)
    assert calls == [3, 3, 3, 2, 3, 3, 3], "twice to check, once to use; a single probe never"


def test_compiling_pays_for_much_work_alone(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(fused.importlib.util, "find_spec", lambda name: None)
    fused._can_compile.cache_clear()
    assert not fused.pays(0)
    assert not caplog.messages
    assert not any(fused.pays(int(fused.PAYS)) for _ in range(2))
    assert caplog.messages == ["probes train without compiled code: triton is not installed"]
    monkeypatch.setattr(fused, "_can_compile", lambda: True)
    assert fused.pays(int(fused.PAYS))
    assert not fused.pays(int(fused.PAYS) - 1)
    monkeypatch.setattr(fused.fused_activate, "kinds", {"a kind"})
    assert fused.pays(0), "what is made already"


@pytest.mark.parametrize("pays", [graphs.PAYS, 1000])
def test_packs_on_cuda_train_by_compiled_code(pretended_cuda, monkeypatch, pays):
    """With graphs and without; the code is pretended, too."""
    monkeypatch.setattr(graphs, "PAYS", pays)
    fittings = [fitting(lr=lr, hidden_layers=2) for lr in (1e-2, 1e-3)]
    wanted, calls = pack.fit_all(fittings, "cuda"), []
    monkeypatch.setattr(fused, "_can_compile", lambda: True)
    monkeypatch.setattr(fused, "PAYS", 0)
    for code in (fused.fused_activate, fused.fused_activation_gradients):
        monkeypatch.setattr(code, "kinds", set())
        monkeypatch.setattr(code, "_compiled", lambda *given, code=code: calls.append(code) or code.plain(*given))
    for one, other in zip(pack.fit_all(fittings, "cuda"), wanted, strict=True):
        assert one.validations == other.validations
    assert set(calls) == {fused.fused_activate, fused.fused_activation_gradients}


def test_programs_on_a_cpu_are_not_compiled(monkeypatch):
    monkeypatch.setattr(fused, "PAYS", 0)
    monkeypatch.setattr(StackedProbes, "fuse", lambda self: pytest.fail("compiled on a CPU"))
    pack._Pack([fitting()], "cpu")
