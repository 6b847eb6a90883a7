"""No embedder computes a product in the precision that the user's process is set to."""

import contextlib
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ablations.models import registry
from tests.reference_values import clip

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "convolution", "_linear_pointwise", "mkldnn_rnn_layer")
TEXTS = ["logmel", "melproj", "chance", "cnn_demo", "cnn14@untrained-0", "crepe_tiny", "passt_demo"]
CONVOLUTIONS = getattr(torch.backends.mkldnn, "conv", None)  # from torch 2.9 on


class Products(TorchDispatchMode):
    """Records the precision that each product is computed in."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation._schema.name.split("::")[-1] in PRODUCTS:
            convolutions = "ieee" if CONVOLUTIONS is None else CONVOLUTIONS.fp32_precision
            self.seen.append((torch.get_float32_matmul_precision(), convolutions))
        return operation(*args, **(kwargs or {}))


@contextlib.contextmanager
def of_the_user():
    """The fastest settings that torch has, with no regard to exactness."""
    torch.set_float32_matmul_precision("medium")
    if CONVOLUTIONS is not None:
        CONVOLUTIONS.fp32_precision = "bf16"
    try:
        yield
        assert torch.get_float32_matmul_precision() == "medium"
        assert CONVOLUTIONS is None or CONVOLUTIONS.fp32_precision == "bf16"
    finally:
        torch.set_float32_matmul_precision("highest")
        if CONVOLUTIONS is not None:
            CONVOLUTIONS.fp32_precision = "none"


def values(embedder, spec):
    clips = [clip(0.4, 1), clip(0.5, 2)]
    per_clip = embedder.timestamps(clips, spec.timestamp_taps(), 200)
    return [*embedder.scene(clips, spec.scene_taps()).values(), *(v for taps, _ in per_clip for v in taps.values())]


@pytest.mark.parametrize("text", TEXTS)
def test_every_product_is_exact_whatever_the_process_is_set_to(text):
    spec = registry.resolve(text)
    embedder = registry.build(spec, device="cpu")
    wanted = values(embedder, spec)
    with of_the_user(), Products() as products:
        found = values(embedder, spec)
    assert set(products.seen) == {("highest", "ieee")}
    assert all(math.isfinite(float(value.sum())) for value in found)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_products_of_the_user_are_seen():
    with of_the_user(), Products() as products:
        torch.ones(2, 2) @ torch.ones(2, 2)
    assert [matmul for matmul, _ in products.seen] == ["medium"]


@pytest.mark.skipif(CONVOLUTIONS is None, reason="torch before 2.9 has no such setting")
def test_a_setting_of_all_convolutions_stays_that_of_all():
    before = torch.backends.mkldnn.fp32_precision
    torch.backends.mkldnn.fp32_precision = "bf16"
    try:
        values(registry.build(registry.resolve("chance"), device="cpu"), registry.resolve("chance"))
        assert CONVOLUTIONS.fp32_precision == "bf16"
    finally:
        torch.backends.mkldnn.fp32_precision = before
    assert CONVOLUTIONS.fp32_precision == before
