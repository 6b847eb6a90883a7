"""Attention of a PaSST in training on a CPU, forward and backward, in tiles.

The backward pass computes the scores again, as FlashAttention does (Dao et al. 2022), unless they are few. Keeping many
scores would take longer, and memory would grow with the square of the tokens.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from passt.network.onednn import TILED_FROM, tiles

KEPT_BYTES = 2**24  # most bytes of a block's scores that are kept; more do not stay in a processor's cache


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Compute softmax(q k' / sqrt(width)) v, with gradients.

    Args:
        q: queries (batch, heads, queries, width).
        k: keys (batch, heads, tokens, width).
        v: values (batch, heads, tokens, width).

    Returns:
        (batch, heads, queries, width).
    """
    if q.dtype == torch.float32 and k.shape[-2] < TILED_FROM:
        return F.scaled_dot_product_attention(q, k, v)
    flat = (part.flatten(0, 1).contiguous() for part in (q * q.shape[-1] ** -0.5, k, v))
    return cast(Tensor, _Attention.apply(*flat)).view(q.shape)  # type: ignore[no-untyped-call]


class _Attention(torch.autograd.Function):
    """Attention of scaled queries, (batch * heads, tokens, width), with its gradients."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        result, kept = torch.empty_like(q), []
        with torch.autocast("cpu", enabled=False):
            for heads, rows in _tiles(q, k):
                weights = _weights(q[heads, rows], k[heads])
                result[heads, rows] = _times(weights, v[heads].mT)
                kept += [weights] if _fits_in_cache(q, k) else []
        ctx.save_for_backward(q, k, v, *kept)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (q, k, v, *kept), gradient = ctx.saved_tensors, gradient.contiguous()
        for_q = torch.empty_like(q)
        put: Callable[[Tensor, Tensor], Tensor]
        if kept:  # then a head is one tile
            for_k, for_v, put = torch.empty_like(k), torch.empty_like(v), Tensor.copy_
        else:
            for_k, for_v, put = torch.zeros(k.shape), torch.zeros(v.shape), Tensor.add_
        for number, (heads, rows) in enumerate(_tiles(q, k)):
            queries, incoming = q[heads, rows], gradient[heads, rows]
            weights = kept[number] if kept else _weights(queries, k[heads])
            put(for_v[heads], _turned_times(weights, incoming))
            scores = _times(incoming, v[heads])
            torch.ops.aten._softmax_backward_data.out(scores, weights, -1, weights.dtype, grad_input=scores)
            for_q[heads, rows] = _times(scores, k[heads].mT)
            put(for_k[heads], _turned_times(scores, queries))
        return for_q, for_k.to(k.dtype), for_v.to(v.dtype)


def _fits_in_cache(q: Tensor, k: Tensor) -> bool:
    """Check whether the scores of all heads are few enough to be kept."""
    return len(q) * q.shape[1] * k.shape[1] * q.element_size() <= KEPT_BYTES


def _tiles(q: Tensor, k: Tensor) -> Iterable[tuple[slice, slice]]:
    """Divide attention into slices of heads and of queries."""
    heads, queries = q.shape[:2]
    exact = q.dtype == torch.float32
    if _fits_in_cache(q, k):
        size = 1 if exact else heads
        return [(slice(head, head + size), slice(0, queries)) for head in range(0, heads, size)]
    return tiles(heads, queries, k.shape[1], heads_at_once=1 if exact else heads)


def _weights(q: Tensor, k: Tensor) -> Tensor:
    """Compute the attention weights softmax(q k'), (heads, queries, tokens)."""
    scores = _times(q, k)
    return torch.softmax(scores, dim=-1, out=scores)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Compute a b' of (heads, n, m) and (heads, k, m): (heads, n, k).

    In float32 there must be one head.

    In float32 `b` must be contiguous or the transpose of a contiguous tensor: with other strides oneDNN is a thousand
    times slower.
    """
    if a.dtype != torch.float32:
        return torch.bmm(a, b.mT)
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise(a[0].contiguous(), b[0], None, "none", [], "")[None])


def _turned_times(a: Tensor, b: Tensor) -> Tensor:
    """Compute a' b of (heads, m, n) and (heads, m, k): (heads, n, k).

    `a`, the larger one, is not copied.
    """
    return torch.bmm(a.mT, b) if a.dtype != torch.float32 else _times(b.mT, a.mT).mT
