"""Linear layers of a PaSST in training on a CPU, forward and backward, computed by oneDNN.

torch's own float32 products use the platform's BLAS, which reaches less than half the speed of some processors, and
its fused attention computes in float32 whatever type it is given. On CUDA torch's own layers are used.
"""

import functools
from typing import Any, cast

import torch
from torch import Tensor, nn

from passt.network import onednn
from passt.network.model import Attention, Linear
from passt.network.precision import Precision
from passt.training.attention import attention


def use_fastest(net: nn.Module, precision: Precision, device: torch.device) -> None:
    """Let the layers of a PaSST on a CPU compute by oneDNN if it is available.

    Other networks stay as they are.
    """
    if device.type != "cpu" or not onednn.works(precision.dtype):
        return
    for module in net.modules():
        if isinstance(module, Linear):
            module.product = functools.partial(linear, dtype=precision.dtype)
        elif isinstance(module, Attention):
            module.attend = attention


def linear(x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Compute x weight' + bias. In bf16, weights and gradients are rounded as by autocast.

    Args:
        x: (..., inputs).
        weight: (outputs, inputs).
        bias: (outputs,).
        dtype: type of the product.

    Returns:
        (..., outputs) of type `dtype`.
    """
    return cast(Tensor, _Linear.apply(x, weight, bias, dtype))  # type: ignore[no-untyped-call]


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Compute a b' of (n, m) and (k, m): (n, k).

    `b` must be contiguous or the transpose of a contiguous tensor.
    """
    if a.dtype != torch.float32:
        return torch.mm(a, b.T)
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise(a.contiguous(), b, None, "none", [], ""))


class _Linear(torch.autograd.Function):
    """A linear layer with its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.dtypes = x.dtype, weight.dtype, bias.dtype
        x, weight, bias = x.to(dtype).contiguous(), weight.to(dtype), bias.to(dtype)
        ctx.save_for_backward(x, weight)
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], ""))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        gradients = (
            _times(flat, weight.T).view(x.shape) if ctx.needs_input_grad[0] else None,
            _times(flat.T, x.reshape(-1, x.shape[-1]).T) if ctx.needs_input_grad[1] else None,
            flat.sum(dim=0) if ctx.needs_input_grad[2] else None,
        )
        pairs = zip(gradients, ctx.dtypes, strict=True)
        return *(None if value is None else value.to(dtype) for value, dtype in pairs), None
