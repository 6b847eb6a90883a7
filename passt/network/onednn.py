"""Matrix products on a CPU by oneDNN.

Weights are packed once, GELU and the residual sum are fused, and attention is computed in tiles.

torch's own float32 products use the platform's BLAS, which reaches less than half the speed of some processors.
The operators used here are those that torch.compile puts in place of linear layers when it freezes a network.
"""

import logging
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

logger = logging.getLogger(__name__)

ROWS = 1024  # rows that packing expects; any number works
TILE = 600 * 1200  # attention scores of a tile, so that it stays in the cache
TILED_FROM = 256  # tokens; with fewer, torch's own attention is faster in float32


class PackedLinear(nn.Module):
    """A linear layer with packed weights, for inference.

    Args:
        linear: the layer to pack.
        dtype: type of weights and products.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().to(dtype), ROWS)
        self.bias = linear.bias.detach().to(dtype)

    def forward(self, x: Tensor, *, gelu: bool = False, plus: Tensor | None = None) -> Tensor:
        """Compute the layer: (..., inputs) -> (..., outputs); `plus` is added to the result."""
        x = x.to(self.dtype)
        y: Tensor
        if plus is not None and plus.dtype == self.dtype:
            y = torch.ops.mkldnn._linear_pointwise.binary(x, plus.contiguous(), self.packed, self.bias, "add")
            return y
        y = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "gelu" if gelu else "none", [], "none")
        return y if plus is None else plus + y


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Compute softmax(q k' / sqrt(width)) v in tiles whose scores stay in the cache.

    Args:
        q: queries (batch, heads, queries, width).
        k: keys (batch, heads, tokens, width).
        v: values (batch, heads, tokens, width).

    Returns:
        (batch, heads, queries, width).
    """
    batch, heads, reads, width = q.shape
    tokens = k.shape[-2]
    exact = q.dtype == torch.float32
    if exact and tokens < TILED_FROM:
        return F.scaled_dot_product_attention(q, k, v)
    q, k, v = ((q * width**-0.5).flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1).transpose(1, 2))
    if exact:
        k, v = k.contiguous(), v.contiguous()
    result = torch.empty_like(q)
    for group, rows in tiles(batch * heads, reads, tokens, heads_at_once=1 if exact else batch * heads):
        scores = _product(q[group, rows], k[group])
        result[group, rows] = _product(torch.softmax(scores, dim=-1, out=scores), v[group])
    return result.view(batch, heads, reads, width)


def tiles(heads: int, reads: int, tokens: int, heads_at_once: int) -> Iterator[tuple[slice, slice]]:
    """Divide attention into slices of heads and of queries whose scores fill a tile."""
    rows = -(-reads // -(-reads * tokens // TILE))
    group = min(heads_at_once, max(1, TILE // (rows * tokens)))
    for first in range(0, heads, group):
        for start in range(0, reads, rows):
            yield slice(first, first + group), slice(start, start + rows)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Compute a b' of (heads, n, m) and (heads, k, m): (heads, n, k).

    In float32 there must be one head.
    """
    if a.dtype == torch.float32:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(a[0], b[0], None, "none", [], "")[None]
        return product
    return torch.bmm(a, b.transpose(1, 2))


def works(dtype: torch.dtype = torch.float32) -> bool:
    """Check that this build of torch and this processor can compute with oneDNN.

    If not, the log says why.
    """
    try:
        error_size = _largest_error(dtype)
        bound = 1e-5 if dtype == torch.float32 else 0.1
        reason = None if error_size < bound else f"its products are off by {error_size:.1e}"
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
    if reason:
        logger.warning("products by torch's own linear layers: oneDNN can't be used here (%s)", reason)
    return reason is None


@torch.no_grad()
def _largest_error(dtype: torch.dtype) -> float:
    """Compute the largest difference between these operators and torch's own, on small inputs."""
    stream = torch.Generator().manual_seed(0)
    shapes = (4, 32), (32, 32), (32,), (4, 32)
    x, weight, bias, plus = (torch.randn(*shape, generator=stream, dtype=torch.float32) for shape in shapes)
    linear = nn.Linear(32, 32, device="meta")
    linear.weight, linear.bias = nn.Parameter(weight / 8), nn.Parameter(bias)
    packed, expected = PackedLinear(linear, dtype), linear(x)
    pairs = [(packed(x), expected), (packed(x, gelu=True), F.gelu(expected)), (packed(x, plus=plus), plus + expected)]
    strided = torch.ops.mkldnn._linear_pointwise(x, weight.T.contiguous().T, None, "none", [], "")
    pairs.append((strided, x @ weight.T))
    pairs.append((_product(x[None].to(dtype), linear.weight[None].to(dtype))[0], expected - bias))
    return float(max((result.float() - value).abs().max().item() for result, value in pairs))
