"""Products for training on a CPU against torch's own, forward and backward."""

import pytest
import torch
from torch.nn import functional as F

from passt.network import onednn
from passt.network.precision import PRECISIONS, available
from passt.training import linear
from passt.training.data.streams import stream
from passt.training.student import passt_student
from tests.passt.training.toy import recipe

CPU = torch.device("cpu")
EXACT = 2e-5  # of values of about 1
ROUNDED = 0.05  # bf16 has 8 bits
pytestmark = pytest.mark.skipif(not onednn.works(), reason="oneDNN can't be used on this machine")
needs_bf16 = pytest.mark.skipif("bf16" not in available(CPU), reason="no bf16 on this processor")


def normal(*shape: int, name: str) -> torch.Tensor:
    return torch.randn(*shape, generator=stream(name)).requires_grad_()


def gradients(found: torch.Tensor, *of: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(found, of, torch.randn(found.shape, generator=stream("gradient")).to(found)))


def near(one: torch.Tensor, other: torch.Tensor, dtype: torch.dtype) -> bool:
    if dtype == torch.float32:
        return torch.allclose(one, other, atol=EXACT)
    return ((one.float() - other).norm() / other.norm()).item() < 2**-7


@pytest.mark.parametrize("shape", [(3, 7, 24), (5, 24)])
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=needs_bf16)])
def test_linear_layers(shape, dtype):
    x, weight, bias = normal(*shape, name="x"), normal(40, 24, name="weight"), normal(40, name="bias")
    wanted, found = F.linear(x, weight, bias), linear.linear(x, weight, bias, dtype)
    assert found.dtype == dtype
    assert near(found, wanted, dtype)
    for one, other in zip(gradients(found, x, weight, bias), gradients(wanted, x, weight, bias), strict=True):
        assert one.dtype == torch.float32
        assert near(one, other, dtype)


@needs_bf16
def test_in_bf16_linear_layers_are_those_of_autocast():
    x, weight, bias = normal(9, 24, name="x"), normal(40, 24, name="weight"), normal(40, name="bias")
    with torch.autocast("cpu", torch.bfloat16):
        wanted = F.linear(x, weight, bias)
    found = linear.linear(x, weight, bias, torch.bfloat16)
    pairs = [(found, wanted), *zip(gradients(found, x, weight), gradients(wanted, x, weight), strict=True)]
    for one, other in pairs:
        assert torch.allclose(one, other, rtol=2**-7, atol=1e-3)  # one step of bf16


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_a_networks_gradients_are_the_same_with_them(precision):
    found = []
    mel = torch.randn(2, 128, 50, generator=stream("mel"))
    for fastest in (False, True):
        student = passt_student(recipe(architecture={"width": 64, "heads": 2, "depth": 2}), 4)
        if fastest:
            linear.use_fastest(student.net, PRECISIONS[precision], CPU)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = student.logits_of(student.net, mel, None, 0)
        logits.float().square().sum().backward()
        found.append({name: p.grad for name, p in student.net.named_parameters() if p.grad is not None})
    plain, fast = found
    assert plain.keys() == fast.keys()
    for name, gradient in plain.items():
        difference = (fast[name] - gradient).norm() / max(gradient.norm(), plain["blocks.0.attn.qkv.bias"].norm())
        assert difference < (1e-4 if precision == "fp32" else ROUNDED), name


@needs_bf16
def test_in_training_no_layer_makes_its_inputs_longer():
    """Weights are float32 under autocast: what is bf16 already must not go through float32."""
    student, seen = passt_student(recipe(), 4), []
    for block in student.net.blocks:
        block.mlp.fc2.product = lambda x, *others: seen.append(x.dtype) or F.linear(x, *others)
    with torch.autocast("cpu", torch.bfloat16):
        student.logits_of(student.net, torch.randn(1, 128, 50, generator=stream("mel")), None, 0)
    assert seen == [torch.bfloat16] * len(student.net.blocks)


def test_other_networks_and_devices_are_left_alone():
    student = passt_student(recipe(), 4)
    linear.use_fastest(student.net, PRECISIONS["fp32"], torch.device("meta"))
    assert student.net.blocks[0].attn.attend is F.scaled_dot_product_attention
    assert student.net.blocks[0].mlp.fc1.product is F.linear
    linear.use_fastest(torch.nn.Sequential(torch.nn.Linear(3, 3)), PRECISIONS["fp32"], CPU)
