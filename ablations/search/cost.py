"""What a variant costs, as the second objective of a search: lower is better."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ablations import models
from ablations.baselines.cost import SECONDS
from ablations.baselines.crepe import SCENE_HOP_MS
from ablations.study import Model
from downstream.embedder import released, widths
from passt import EmbeddingSpec, checkpoints, complexity

COSTS: Mapping[str, str] = {
    "gmacs_per_s": "multiply-adds for a second of sound (10^9), mean over the tasks",
    "width": "values of an embedding, of the widest among the tasks",
    "parameters": "numbers that training of the network set",
}
NO_NETWORK = ("mel", "melmean")


def cost_of(name: str, model: Model, events: Sequence[bool]) -> float:
    """A cost of `COSTS`, of a model on some tasks.

    Args:
        events: for every task, whether it is an event task.

    Raises:
        ValueError: for a model whose network is not known (a HEAR module), but for its width.
    """
    if name == "width":
        return float(max(_width(model, event) for event in set(events)))
    family = models.families()[model.family]
    if family.cost is None:
        raise ValueError(f"{model.spec.checkpoint}: {name} is not known of HEAR modules, width is")
    if name == "parameters":
        return float(family.cost(model.spec.checkpoint).parameters)
    rates = [macs_per_s(model.spec, event) for event in events]
    return sum(rates) / len(rates) / 1e9


@functools.cache
def macs_per_s(spec: EmbeddingSpec, event: bool) -> float:
    """Multiply-adds of the network for a second of sound, as deep as the levels want; the front end is not counted.

    Windows that overlap count each for itself. PaSST's are counted for windows of that length (10 s for whole scenes),
    other networks' in proportion to the windows' length, from all their levels for a scene of 10 s.
    """
    card = models.card(spec.checkpoint)
    if card.family != "passt":
        whole = models.families()[card.family].cost(spec.checkpoint).macs / SECONDS
        if card.min_window_ms is None:  # frames
            return whole * SCENE_HOP_MS / spec.timestamp_hop_ms if event else whole
        return whole * sum(length / hop for length, hop in _windows(spec, event))
    levels = tuple(level for level in spec.levels if level not in NO_NETWORK)
    if not levels:
        return 0.0
    checkpoint = checkpoints.get(spec.checkpoint)
    return sum(complexity.macs(checkpoint, length / 1000, levels) * 1000 / hop for length, hop in _windows(spec, event))


def _windows(spec: EmbeddingSpec, event: bool) -> Iterable[tuple[int, int]]:
    """Length and distance of windows in ms."""
    if event:
        return [(window, spec.timestamp_hop_ms) for window in spec.windows_ms]
    if spec.scene_window_ms is None:
        return [(SECONDS * 1000, SECONDS * 1000)]
    return [(spec.scene_window_ms, max(50, spec.scene_window_ms // 4))]


def _width(model: Model, event: bool) -> int:
    spec = model.spec
    taps = spec.timestamp_taps() if event else spec.scene_taps()
    head = models.card(spec.checkpoint).spec(weights=spec.weights)  # the same for all variants of these weights
    scene, timestamps = _dims(head, model.weights_file, model.python)
    return sum((timestamps if event else scene)[level] for level, _ in taps)


@functools.cache
def _dims(spec: EmbeddingSpec, weights: Path | None, python: Path | None) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of scene and of timestamp embeddings by level, from the loaded model."""
    with released(models.build(spec, device="cpu", weights=weights, python=python)) as embedder:
        taps = [(level, None) for level in embedder.dims]
        scene, timestamps = (widths(embedder, taps, hop) for hop in (None, 1))
    return {level: width for (level, _), width in scene.items()}, {t[0]: width for t, width in timestamps.items()}
