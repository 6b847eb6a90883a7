"""Poolings that are trained with their probe, in front of its first layer.

Each is one tensor program for many probes, whose parameters have the probe as their first axis; autograd gives its
gradients. Features are (items, parts, width). What depends on them alone is in `prepare`, and can be computed once.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from downstream.pooling.pooling import OF_LEVELS, Pooling

MOST_PROJECTED = 64  # numbers that `AttentionOfLabels` keeps of each label's vector
PROTOTYPES_A_LABEL = 16
MOST_PROTOTYPES = 512

Parameters = Mapping[str, Tensor]
"""Name -> (probes, ...)."""


@dataclass(frozen=True)
class Program(ABC):
    """How probes of one pooling make vectors of parts.

    Attributes:
        parts: how many levels or tokens lie side by side.
        width: of each.
        labels: of the task.
    """

    parts: int
    width: int
    labels: int

    drawn = frozenset[str]()
    """Parameters that begin with random numbers; the others are 0."""

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Parameter -> its shape for one probe."""

    @property
    def dim(self) -> int:
        """Width of the vector that it gives."""
        return self.width

    @property
    @abstractmethod
    def values(self) -> int:
        """How many numbers an item takes in training, its features apart; about."""

    @property
    @abstractmethod
    def macs(self) -> int:
        """Multiply-adds of an item in a training step, forward and backward."""

    def prepare(self, x: Tensor, training: bool = False) -> Tensor:
        """Prepare features: (items, parts * width) -> (items, parts, width)."""
        return x.reshape(len(x), self.parts, self.width)

    @abstractmethod
    def pool(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Pool prepared features -> (probes, dim, items)."""


class Weighted(Program):
    """A softmax weight a level, and the sum of the weighted levels; all weights are equal at first.

    Source: the featurizer of Yang et al. 2021, "SUPERB: Speech processing Universal PERformance Benchmark".
    """

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {"weights": (self.parts,)}

    @property
    def values(self) -> int:
        return 4 * (self.width + self.parts)

    @property
    def macs(self) -> int:
        return 2 * self.parts * self.width

    def pool(self, parameters: Parameters, x: Tensor) -> Tensor:
        shares = torch.softmax(parameters["weights"], dim=1)
        return _items_last(torch.bmm(shares.expand(len(x), -1, -1), x))  # matmul would copy the features


class WeightedNormalized(Weighted):
    """As `Weighted`, of levels with mean 0 and standard deviation 1 over their width, item by item.

    So a level's share does not depend on how large its numbers are. Source: as `Weighted`.
    """

    def prepare(self, x: Tensor, training: bool = False) -> Tensor:
        return F.layer_norm(super().prepare(x), (self.width,))


class Attention(Program):
    """One learned query: a softmax over the tokens of query * token / sqrt(width), and the mean by these weights.

    The query is 0 at first, so that training begins with the mean of the tokens.
    """

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {"query": (self.width,)}

    @property
    def values(self) -> int:
        return 4 * (self.width + self.parts)

    @property
    def macs(self) -> int:
        return 4 * self.parts * self.width

    def pool(self, parameters: Parameters, x: Tensor) -> Tensor:
        scores = x @ parameters["query"].T / math.sqrt(self.width)  # (items, parts, probes)
        return _items_last(torch.softmax(scores, dim=1).mT @ x)


class AttentionOfLabels(Program):
    """A learned query for each label, as that of `Attention`; the labels' vectors, projected, side by side.

    One linear map, shared by the labels, projects their vectors to `MOST_PROJECTED` numbers, or to the width if that is
    smaller. It is applied to the tokens, which gives the same as applying it to their means.
    """

    drawn = frozenset({"projection"})

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {"queries": (self.labels, self.width), "projection": (self._projected, self.width)}

    @property
    def dim(self) -> int:
        return self.labels * self._projected

    @property
    def values(self) -> int:
        return 3 * (self.parts + self.labels) * self._projected + 6 * self.parts * self.labels

    @property
    def macs(self) -> int:
        return self.parts * (2 * self.width * (self._projected + self.labels) + 3 * self.labels * self._projected)

    @property
    def _projected(self) -> int:
        return min(MOST_PROJECTED, self.width)

    def pool(self, parameters: Parameters, x: Tensor) -> Tensor:
        probes = len(parameters["queries"])
        scores = x @ parameters["queries"].flatten(0, 1).T / math.sqrt(self.width)
        weights = torch.softmax(scores, dim=1).unflatten(2, (probes, self.labels))
        values = (x @ parameters["projection"].flatten(0, 1).T).unflatten(2, (probes, self._projected))
        pooled = weights.permute(0, 2, 3, 1) @ values.transpose(1, 2)  # (items, probes, labels, projected)
        return _items_last(pooled.flatten(2))


class Prototypes(Program):
    """The largest cosine similarity of any token with each of some learned prototypes.

    There are `PROTOTYPES_A_LABEL` for each label, at most `MOST_PROTOTYPES`; all serve all labels.
    Source: Chen et al. 2019, "This looks like that", for the maximum over places of the similarity with prototypes.
    """

    drawn = frozenset({"prototypes"})

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {"prototypes": (self.dim, self.width)}

    @property
    def dim(self) -> int:
        return min(PROTOTYPES_A_LABEL * self.labels, MOST_PROTOTYPES)

    @property
    def values(self) -> int:
        return (2 * self.parts + 6) * self.dim

    @property
    def macs(self) -> int:
        return 2 * self.parts * self.width * self.dim

    def prepare(self, x: Tensor, training: bool = False) -> Tensor:
        return F.normalize(super().prepare(x), dim=2)  # a token of zeros stays 0

    def pool(self, parameters: Parameters, x: Tensor) -> Tensor:
        directions = F.normalize(parameters["prototypes"], dim=2)
        similarities = (x @ directions.flatten(0, 1).T).max(dim=1).values
        return _items_last(similarities.unflatten(1, directions.shape[:2]))


PROGRAMS: Mapping[str, type[Program]] = {
    "weighted": Weighted,
    "weighted_normalized": WeightedNormalized,
    "attention": Attention,
    "attention_labels": AttentionOfLabels,
    "prototypes": Prototypes,
}


def program_of(pooling: Pooling, dim: int, labels: int) -> Program:
    """The program of a learned pooling.

    Args:
        dim: of the features, parts * width.
    """
    return PROGRAMS[pooling.name](pooling.parts, dim // pooling.parts, labels)


class Front(nn.Module):
    """The pooling of one probe, whose parameters are trained with it.

    Args:
        program: what it computes.
        draw: fills a matrix with its first values.

    Shape:
        (items, parts * width) -> (items, dim).
    """

    def __init__(self, program: Program, draw: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.program = program
        for name, shape in program.shapes.items():
            values = torch.zeros(shape)
            if name in program.drawn:
                draw(values)
            self.register_parameter(name, nn.Parameter(values))

    def forward(self, x: Tensor) -> Tensor:
        parameters = {name: values[None] for name, values in self.named_parameters()}
        return self.program.pool(parameters, self.program.prepare(x))[0].T


def level_weights(pooling: Pooling | None, state: Mapping[str, Tensor]) -> tuple[float, ...] | None:
    """The weights of levels in a probe's state dict, with the sum 1; None if its pooling learns none."""
    if pooling is None or pooling.name not in OF_LEVELS:
        return None
    return tuple(torch.softmax(state["front.weights"].double(), dim=0).tolist())


def _items_last(pooled: Tensor) -> Tensor:
    """(items, probes, dim) -> (probes, dim, items), as probes take it."""
    return pooled.permute(1, 2, 0)
