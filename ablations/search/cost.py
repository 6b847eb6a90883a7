"""What a variant costs, as the second objective of a search: lower is better."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.models import cost, registry
from ablations.study.study import Model
from downstream.embedder import TOKENS, Tap, dims_of, optional, released
from passt import EmbeddingSpec

GMACS = "gmacs_per_s"
FORMAT = 2
"""Version of how multiply-adds are counted. A search keeps to one version, because others count differently."""


@dataclass(frozen=True)
class Cost:
    """A cost that a search can have.

    Attributes:
        description: its name and unit in figures.
        measure: (model, events) -> its value; events: for every task, whether it is an event task.
        unknown: checkpoint -> why it is not known; "" if it is.
    """

    description: str
    measure: Callable[[Model, Sequence[bool]], float]
    unknown: Callable[[str], str]


def _gmacs(model: Model, events: Sequence[bool]) -> float:
    return sum(cost.macs(model.spec, event) for event in events) / len(events) / cost.SECONDS / 1e9


def _width(model: Model, events: Sequence[bool]) -> float:
    """The width of the embedding of the task that has the widest."""
    spec = model.spec
    head = registry.card(spec.checkpoint).spec(weights=spec.weights)  # the same for all variants of these weights
    built = head, model.weights_file, model.python
    scene, timestamps = _dims(*built)
    totals = []
    for event in set(events):
        taps, dims = (spec.timestamp_taps(), timestamps) if event else (spec.scene_taps(), scene)
        tokens = _tokens(*built, tuple(tap for tap in taps if tap[0].endswith(TOKENS)))
        totals.append(sum(dims[tap[0]] * tokens.get(tap, 1) for tap in taps))
    return float(max(totals))


def _unknown_parameters(checkpoint: str) -> str:
    return cost.unknown(checkpoint) if math.isnan(cost.parameters(checkpoint)) else ""


COSTS: Mapping[str, Cost] = {
    GMACS: Cost("multiply-adds for a second of sound (10^9), mean over the tasks", _gmacs, cost.unknown),
    "width": Cost("values of an embedding, of the widest among the tasks", _width, lambda checkpoint: ""),
    "parameters": Cost(
        "numbers that training of the network set",
        lambda model, events: cost.parameters(model.spec.checkpoint),
        _unknown_parameters,
    ),
}


def cost_of(name: str, model: Model, events: Sequence[bool]) -> float:
    """The cost of a model on some tasks.

    Args:
        name: a key of `COSTS`.
        model: the model.
        events: for every task, whether it is an event task.

    Raises:
        ValueError: the cost of this model is not known (see `ablations.models.cost`).
    """
    checkpoint = model.spec.checkpoint
    if reason := unknown(name, checkpoint):
        raise ValueError(f"{checkpoint}: {name} is not known, width is: {reason}")
    return COSTS[name].measure(model, events)


def unknown(name: str, checkpoint: str) -> str:
    """Why a cost of a checkpoint is not known; "" if it is."""
    return COSTS[name].unknown(checkpoint)


@functools.cache
def _dims(spec: EmbeddingSpec, weights: Path | None, python: Path | None) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of scene and of timestamp embeddings by level, of a token where it keeps them, from the loaded model."""
    with released(registry.build(spec, device="cpu", weights=weights, python=python)) as embedder:
        return dict(dims_of(embedder, timed=False)), dict(dims_of(embedder, timed=True))


@functools.cache
def _tokens(spec: EmbeddingSpec, weights: Path | None, python: Path | None, taps: tuple[Tap, ...]) -> dict[Tap, int]:
    """How many tokens each of some taps holds, from the loaded model."""
    if not taps:
        return {}
    with released(registry.build(spec, device="cpu", weights=weights, python=python)) as embedder:
        return {tap: optional(embedder).tokens(tap) for tap in taps}
