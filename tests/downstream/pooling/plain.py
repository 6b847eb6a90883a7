"""Each learned pooling of one probe, written out part by part as its definition says.

Parts are (items, parts, width), what is made of them is (items, dim).
"""

import torch
from torch import Tensor


def weighted(state: dict[str, Tensor], x: Tensor) -> Tensor:
    shares = state["weights"].exp() / state["weights"].exp().sum()
    return sum(share * x[:, level] for level, share in enumerate(shares))


def weighted_normalized(state: dict[str, Tensor], x: Tensor) -> Tensor:
    mean = x.mean(dim=2, keepdim=True)
    variance = (x - mean).square().mean(dim=2, keepdim=True)
    return weighted(state, (x - mean) / (variance + 1e-5).sqrt())


def attended(query: Tensor, x: Tensor) -> Tensor:
    """The mean of each item's tokens by a query's attention."""
    scores = torch.stack([token @ query / x.shape[2] ** 0.5 for token in x.unbind(1)])
    shares = scores.exp() / scores.exp().sum(dim=0)
    return sum(share[:, None] * token for share, token in zip(shares, x.unbind(1), strict=True))


def attention(state: dict[str, Tensor], x: Tensor) -> Tensor:
    return attended(state["query"], x)


def attention_labels(state: dict[str, Tensor], x: Tensor) -> Tensor:
    return torch.cat([attended(query, x) @ state["projection"].T for query in state["queries"]], dim=1)


def prototypes(state: dict[str, Tensor], x: Tensor) -> Tensor:
    lengths = torch.where(x.any(dim=2), x.norm(dim=2), 1)
    cosines = [
        token @ state["prototypes"].T / (length[:, None] * state["prototypes"].norm(dim=1))
        for token, length in zip(x.unbind(1), lengths.unbind(1), strict=True)
    ]
    return torch.stack(cosines).amax(dim=0)


POOLINGS = {
    "weighted": weighted,
    "weighted_normalized": weighted_normalized,
    "attention": attention,
    "attention_labels": attention_labels,
    "prototypes": prototypes,
}
