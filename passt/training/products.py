"""Products of a PaSST in training on a CPU, forward and backward, by oneDNN where torch takes slower ways.

torch's own float32 products go to the platform's BLAS, which reaches less than half of what some processors can do;
its fused attention computes in float32 whatever it is given. On CUDA torch's own are used.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt import onednn
from passt.model import Attention, Linear
from passt.precision import Precision

SCORES_BYTES = 2**28  # of one block's attention at most; above it torch's own, which keeps none for the backward pass


def use_fastest(net: nn.Module, precision: Precision, device: torch.device) -> None:
    """Let a PaSST's layers use these products where they help; other networks stay as they are."""
    if device.type != "cpu" or not onednn.works(precision.dtype):
        return
    for module in net.modules():
        if isinstance(module, Linear) and precision.dtype == torch.float32:
            module.product = linear
        elif isinstance(module, Attention):
            module.attend = attention


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x weight' + bias in float32: (..., inputs), (outputs, inputs), (outputs,) -> (..., outputs)."""
    return _Linear.apply(x, weight, bias)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k' / sqrt(width)) v, each (batch, heads, tokens, width); queries may be fewer than keys."""
    batch, heads, reads, width = q.shape
    if batch * heads * reads * k.shape[2] * q.element_size() > SCORES_BYTES:
        return F.scaled_dot_product_attention(q, k, v)
    found = _Attention.apply(*(part.flatten(0, 1) for part in (q * width**-0.5, k, v)))
    return found.view(batch, heads, reads, width)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """a b', (n, m) and (k, m) -> (n, k), in float32."""
    return torch.ops.mkldnn._linear_pointwise(a.contiguous(), b.contiguous(), None, "none", [], "")


def _each(a: Tensor, b: Tensor) -> Tensor:
    """a b' of each head, (heads, n, m) and (heads, k, m) -> (heads, n, k)."""
    if a.dtype != torch.float32:
        return torch.bmm(a, b.transpose(1, 2))
    return torch.stack([_times(one, other) for one, other in zip(a, b, strict=True)])


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight, bias, "none", [], "")

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        for_x = _times(flat, weight.T).view(x.shape) if ctx.needs_input_grad[0] else None
        for_weight = _times(flat.T, x.reshape(-1, x.shape[-1]).T) if ctx.needs_input_grad[1] else None
        return for_x, for_weight, flat.sum(dim=0) if ctx.needs_input_grad[2] else None


class _Attention(torch.autograd.Function):
    """Of queries that are scaled already; the scores after the softmax are kept for the backward pass."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            shares = _each(q, k)
            torch.softmax(shares, dim=-1, out=shares)
            ctx.save_for_backward(q, k, v, shares)
            return _each(shares, v.transpose(1, 2))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v, shares = ctx.saved_tensors
        for_v = _each(shares.transpose(1, 2), gradient.transpose(1, 2))
        for_shares = _each(gradient, v)
        scores = torch.ops.aten._softmax_backward_data(for_shares, shares, -1, shares.dtype)
        return _each(scores, k.transpose(1, 2)), _each(scores.transpose(1, 2), q.transpose(1, 2)), for_v
