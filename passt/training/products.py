"""Products of a PaSST in training on a CPU, forward and backward, by oneDNN where torch takes slower ways.

torch's own float32 products go to the platform's BLAS, which reaches less than half of what some processors can do;
its fused attention computes in float32 whatever it is given. On CUDA torch's own are used.
"""

import functools

import torch
from torch import Tensor, nn

from passt.network import onednn
from passt.network.model import Attention, Linear
from passt.network.precision import Precision
from passt.training.attention import attention


def use_fastest(net: nn.Module, precision: Precision, device: torch.device) -> None:
    """Let a PaSST's layers use these products where they help; other networks stay as they are."""
    if device.type != "cpu" or not onednn.works(precision.dtype):
        return
    for module in net.modules():
        if isinstance(module, Linear):
            module.product = functools.partial(linear, dtype=precision.dtype)
        elif isinstance(module, Attention):
            module.attend = attention


def linear(x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """x weight' + bias: (..., inputs), (outputs, inputs), (outputs,) -> (..., outputs) of `dtype`.

    In bf16 weights and gradients are rounded as by autocast.
    """
    return _Linear.apply(x, weight, bias, dtype)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """a b', (n, m) and (k, m) -> (n, k); b may be contiguous or the transpose of what is."""
    if a.dtype != torch.float32:
        return torch.mm(a, b.T)
    return torch.ops.mkldnn._linear_pointwise(a.contiguous(), b, None, "none", [], "")


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.dtypes = x.dtype, weight.dtype, bias.dtype
        x, weight, bias = x.to(dtype).contiguous(), weight.to(dtype), bias.to(dtype)
        ctx.save_for_backward(x, weight)
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        found = (
            _times(flat, weight.T).view(x.shape) if ctx.needs_input_grad[0] else None,
            _times(flat.T, x.reshape(-1, x.shape[-1]).T) if ctx.needs_input_grad[1] else None,
            flat.sum(dim=0) if ctx.needs_input_grad[2] else None,
        )
        return *(None if one is None else one.to(dtype) for one, dtype in zip(found, ctx.dtypes, strict=True)), None
