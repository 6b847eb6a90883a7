"""The network's products on a CPU by oneDNN: weights packed once, GELU and sum fused, attention in tiles.

torch's own float32 products go to the platform's BLAS, which reaches less than half of what some processors can do.
The operators are those that torch.compile puts in place of linear layers when it freezes a network.
"""

import logging
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

logger = logging.getLogger(__name__)

ROWS = 1024  # that packing is told to expect; any number works
TILE = 600 * 1200  # attention scores at a time, to stay in the cache
TILED_FROM = 256  # tokens; below it torch's attention is the faster one in float32


class PackedLinear(nn.Module):
    """A linear layer with packed weights, as `passt.network.model.Linear`; for inference only.

    Args:
        dtype: of weights and products.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().to(dtype), ROWS)
        self.bias = linear.bias.detach().to(dtype)

    def forward(self, x: Tensor, *, gelu: bool = False, plus: Tensor | None = None) -> Tensor:
        x = x.to(self.dtype)
        if plus is not None and plus.dtype == self.dtype:
            return torch.ops.mkldnn._linear_pointwise.binary(x, plus.contiguous(), self.packed, self.bias, "add")
        y = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "gelu" if gelu else "none", [], "none")
        return y if plus is None else plus + y


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k' / sqrt(width)) v, each (batch, heads, tokens, width); queries may be fewer than keys.

    Tiles of the scores are made, normalized and used up while they are in the cache.
    """
    batch, heads, reads, width = q.shape
    tokens = k.shape[-2]
    exact = q.dtype == torch.float32
    if exact and tokens < TILED_FROM:
        return F.scaled_dot_product_attention(q, k, v)
    q, k, v = ((q * width**-0.5).flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1).transpose(1, 2))
    if exact:
        k, v = k.contiguous(), v.contiguous()
    found = torch.empty_like(q)
    for some, few in tiles(batch * heads, reads, tokens, heads_at_once=1 if exact else batch * heads):
        scores = _product(q[some, few], k[some])
        found[some, few] = _product(torch.softmax(scores, dim=-1, out=scores), v[some])
    return found.view(batch, heads, reads, width)


def tiles(heads: int, reads: int, tokens: int, heads_at_once: int) -> Iterator[tuple[slice, slice]]:
    """Slices of heads and of queries whose scores fill a tile."""
    rows = -(-reads // -(-reads * tokens // TILE))
    group = min(heads_at_once, max(1, TILE // (rows * tokens)))
    for first in range(0, heads, group):
        for start in range(0, reads, rows):
            yield slice(first, first + group), slice(start, start + rows)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """(heads, n, m) and (heads, k, m) -> (heads, n, k); in float32 one head, by oneDNN."""
    if a.dtype == torch.float32:
        return torch.ops.mkldnn._linear_pointwise(a[0], b[0], None, "none", [], "")[None]
    return torch.bmm(a, b.transpose(1, 2))


def works(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this build of torch and this processor have what is needed here; said in the log where not."""
    try:
        wrong = _error(dtype)
        reason = None if wrong < (1e-5 if dtype == torch.float32 else 0.1) else f"its products are off by {wrong:.1e}"
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
    if reason:
        logger.warning("products by torch's own linear layers: oneDNN can't be used here (%s)", reason)
    return reason is None


@torch.no_grad()
def _error(dtype: torch.dtype) -> float:
    """The largest difference of what is used here to torch's own, on small inputs."""
    stream = torch.Generator().manual_seed(0)
    shapes = (4, 32), (32, 32), (32,), (4, 32)
    x, weight, bias, plus = (torch.randn(*shape, generator=stream, dtype=torch.float32) for shape in shapes)
    linear = nn.Linear(32, 32, device="meta")
    linear.weight, linear.bias = nn.Parameter(weight / 8), nn.Parameter(bias)
    packed, wanted = PackedLinear(linear, dtype), linear(x)
    pairs = [(packed(x), wanted), (packed(x, gelu=True), F.gelu(wanted)), (packed(x, plus=plus), plus + wanted)]
    strided = torch.ops.mkldnn._linear_pointwise(x, weight.T.contiguous().T, None, "none", [], "")
    pairs.append((strided, x @ weight.T))
    pairs.append((_product(x[None].to(dtype), linear.weight[None].to(dtype))[0], wanted - bias))
    return max((found.float() - value).abs().max().item() for found, value in pairs)
