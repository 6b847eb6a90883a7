"""Attention of a PaSST in training on a CPU, in tiles that stay in the cache, forward and backward.

The backward pass makes the scores again, as FlashAttention does (Dao et al. 2022), unless they are few: to keep many in
memory takes longer, and memory would grow with the square of the tokens.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from passt.network.onednn import TILED_FROM, tiles

KEPT_BYTES = 2**24  # of one block's scores at most; more do not stay in a processor's cache


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k' / sqrt(width)) v, each (batch, heads, tokens, width); queries may be fewer than keys."""
    if q.dtype == torch.float32 and k.shape[-2] < TILED_FROM:
        return F.scaled_dot_product_attention(q, k, v)
    found = _Attention.apply(*(part.flatten(0, 1).contiguous() for part in (q * q.shape[-1] ** -0.5, k, v)))
    return found.view(q.shape)


class _Attention(torch.autograd.Function):
    """Of queries that are scaled already; batch and heads are one axis."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        found, kept = torch.empty_like(q), []
        with torch.autocast("cpu", enabled=False):
            for some, few in _tiles(q, k):
                shares = _shares(q[some, few], k[some])
                found[some, few] = _times(shares, v[some].mT)
                kept += [shares] if _are_few(q, k) else []
        ctx.save_for_backward(q, k, v, *kept)
        return found

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (q, k, v, *kept), gradient = ctx.saved_tensors, gradient.contiguous()
        for_q = torch.empty_like(q)
        if kept:  # then a head is one tile
            for_k, for_v, put = torch.empty_like(k), torch.empty_like(v), Tensor.copy_
        else:
            for_k, for_v, put = torch.zeros(k.shape), torch.zeros(v.shape), Tensor.add_
        for number, (some, few) in enumerate(_tiles(q, k)):
            queries, given = q[some, few], gradient[some, few]
            shares = kept[number] if kept else _shares(queries, k[some])
            put(for_v[some], _turned_times(shares, given))
            scores = _times(given, v[some])
            torch.ops.aten._softmax_backward_data.out(scores, shares, -1, shares.dtype, grad_input=scores)
            for_q[some, few] = _times(scores, k[some].mT)
            put(for_k[some], _turned_times(scores, queries))
        return for_q, for_k.to(k.dtype), for_v.to(v.dtype)


def _are_few(q: Tensor, k: Tensor) -> bool:
    return len(q) * q.shape[1] * k.shape[1] * q.element_size() <= KEPT_BYTES


def _tiles(q: Tensor, k: Tensor) -> Iterable[tuple[slice, slice]]:
    heads, reads = q.shape[:2]
    exact = q.dtype == torch.float32
    if _are_few(q, k):
        size = 1 if exact else heads
        return [(slice(head, head + size), slice(0, reads)) for head in range(0, heads, size)]
    return tiles(heads, reads, k.shape[1], heads_at_once=1 if exact else heads)


def _shares(q: Tensor, k: Tensor) -> Tensor:
    scores = _times(q, k)
    return torch.softmax(scores, dim=-1, out=scores)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """a b', (heads, n, m) and (heads, k, m) -> (heads, n, k); in float32 of one head, by oneDNN.

    There b has to be contiguous or the transpose of what is: with other strides oneDNN is a thousand times slower.
    """
    if a.dtype != torch.float32:
        return torch.bmm(a, b.mT)
    return torch.ops.mkldnn._linear_pointwise(a[0].contiguous(), b[0], None, "none", [], "")[None]


def _turned_times(a: Tensor, b: Tensor) -> Tensor:
    """a' b, (heads, m, n) and (heads, m, k) -> (heads, n, k), without a copy of a, which is the larger one."""
    return torch.bmm(a.mT, b) if a.dtype != torch.float32 else _times(b.mT, a.mT).mT
