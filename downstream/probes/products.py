"""Matrix products of probes that are trained together.

Weights are (probes, out, in), activations (probes, units, items). Items come last, so that a probe's features are the
right-hand factor of both products that they take part in, and can be prepared once for all probes and epochs. On a CPU
each probe has a product of its own, so that its numbers do not depend on the other probes.
"""

import functools
import logging
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

EXPECTED_ROWS = 1024  # of the left-hand factor, a hint for oneDNN's packing; any number works


class Products(Protocol):
    """How products are computed."""

    def prepare(self, x: Tensor, training: bool) -> Any:
        """Prepare the features of a batch, (items, dim)."""

    def forward(self, weights: Tensor, prepared: Any) -> Tensor:
        """Multiply (probes, out, dim) by prepared features -> (probes, out, items)."""

    def backward(self, gradients: Tensor, prepared: Any) -> Tensor:
        """Multiply (probes, out, items) by prepared features -> (probes, out, dim)."""

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply (probes, n, m) by (probes, m, k) -> (probes, n, k)."""


class TorchProducts:
    """Products by torch: batched ones, and a single one for all probes that share their features."""

    def prepare(self, x: Tensor, training: bool) -> Tensor:
        return x

    def forward(self, weights: Tensor, prepared: Tensor) -> Tensor:
        return (weights.flatten(0, 1) @ prepared.T).view(*weights.shape[:2], len(prepared))

    def backward(self, gradients: Tensor, prepared: Tensor) -> Tensor:
        return (gradients.flatten(0, 1) @ prepared).view(*gradients.shape[:2], prepared.shape[1])

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.bmm(a, b)


@dataclass(frozen=True)
class _Packed:
    """The features of a batch, packed as right-hand factors for oneDNN.

    Only training needs `columns`.
    """

    rows: Tensor
    columns: Tensor | None


class OneDnnProducts:
    """oneDNN's float32 products: on some processors more than twice the speed of the platform's BLAS."""

    def prepare(self, x: Tensor, training: bool) -> _Packed:
        return _Packed(_pack(x), _pack(x.T.contiguous()) if training else None)

    def forward(self, weights: Tensor, prepared: _Packed) -> Tensor:
        return _stack([_product(weight, prepared.rows) for weight in weights])

    def backward(self, gradients: Tensor, prepared: _Packed) -> Tensor:
        if prepared.columns is None:
            raise ValueError("features were not prepared for training")
        return _stack([_product(gradient, prepared.columns) for gradient in gradients])

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        # a right-hand factor may be strided, a left-hand one is copied: either a, or b and the transposed product
        (_, n, m), k = a.shape, b.shape[2]
        if a[0].is_contiguous() or n * m < (n + m) * k:
            return _stack([_product(left.contiguous(), right.T) for left, right in zip(a, b, strict=True)])
        return _stack([_product(right.T, left).T.contiguous() for left, right in zip(a, b, strict=True)])


def products_for(device: str) -> Products:
    """The fastest products that the device and this build of torch have."""
    return OneDnnProducts() if torch.device(device).type == "cpu" and _works() else TorchProducts()


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply (n, m) by the transpose of (k, m), which may be packed -> (n, k)."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
    return product


def _pack(right: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(right, EXPECTED_ROWS)
    return packed


def _stack(products: list[Tensor]) -> Tensor:
    return products[0][None] if len(products) == 1 else torch.stack(products)


@functools.cache
def _works() -> bool:
    """Whether oneDNN's operators exist and are right; if not, the log says why."""
    try:
        stream = torch.Generator().manual_seed(0)
        weights, x = (torch.randn(*shape, generator=stream) for shape in ((2, 24, 20), (33, 20)))
        fast, plain = OneDnnProducts(), TorchProducts()
        with torch.inference_mode():
            packed, z = fast.prepare(x, True), plain.forward(weights, x)
            pairs = [
                (fast.forward(weights, packed), z),
                (fast.backward(z, packed), plain.backward(z, x)),
                (fast.multiply(weights.mT, z), plain.multiply(weights.mT, z)),
            ]
        wrong = max(((result - exact).abs().max() / exact.abs().max()).item() for result, exact in pairs)
        reason = None if wrong < 1e-5 else f"its products are off by {wrong:.1e}"
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
    if reason:
        logger.info("probes by torch's own products: oneDNN can't be used here (%s)", reason)
    return reason is None
