"""What a variant costs, as the second objective of a search: lower is better."""

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ablations.models import cost, registry
from ablations.study.study import Model
from downstream.embedder import released, widths
from passt import EmbeddingSpec

GMACS = "gmacs_per_s"
FORMAT = 2
"""Of how multiply-adds are counted; raised when they come out otherwise, so that a search has them of one kind."""
COSTS: Mapping[str, str] = {
    GMACS: "multiply-adds for a second of sound (10^9), mean over the tasks",
    "width": "values of an embedding, of the widest among the tasks",
    "parameters": "numbers that training of the network set",
}


def cost_of(name: str, model: Model, events: Sequence[bool]) -> float:
    """A cost of `COSTS`, of a model on some tasks.

    Args:
        events: for every task, whether it is an event task.

    Raises:
        ValueError: for what is not known of a model (see `ablations.models.cost`).
    """
    if name == "width":
        return float(max(_width(model, event) for event in set(events)))
    spec = model.spec
    if why := unknown(name, spec.checkpoint):
        raise ValueError(f"{spec.checkpoint}: {name} is not known, width is: {why}")
    if name == "parameters":
        return cost.parameters(spec.checkpoint)
    return sum(cost.macs(spec, event) for event in events) / len(events) / cost.SECONDS / 1e9


def unknown(name: str, checkpoint: str) -> str:
    """Why a cost of a checkpoint is not known; empty where it is."""
    if name == "width" or (name == "parameters" and not math.isnan(cost.parameters(checkpoint))):
        return ""
    return cost.unknown(checkpoint)


def _width(model: Model, event: bool) -> int:
    spec = model.spec
    taps = spec.timestamp_taps() if event else spec.scene_taps()
    head = registry.card(spec.checkpoint).spec(weights=spec.weights)  # the same for all variants of these weights
    scene, timestamps = _dims(head, model.weights_file, model.python)
    return sum((timestamps if event else scene)[level] for level, _ in taps)


@functools.cache
def _dims(spec: EmbeddingSpec, weights: Path | None, python: Path | None) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of scene and of timestamp embeddings by level, from the loaded model."""
    with released(registry.build(spec, device="cpu", weights=weights, python=python)) as embedder:
        taps = [(level, None) for level in embedder.dims]
        scene, timestamps = (widths(embedder, taps, hop) for hop in (None, 1))
    return {level: width for (level, _), width in scene.items()}, {t[0]: width for t, width in timestamps.items()}
