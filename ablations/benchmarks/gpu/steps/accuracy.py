"""How far embeddings of a device are from those of the CPU in fp32, by precision and level."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ablations.benchmarks.models import sounds
from ablations.benchmarks.record import Record
from ablations.models import registry
from downstream.embedder import Tap, released
from passt import EmbeddingSpec
from passt.network.precision import available

CLIPS, SECONDS, TIMESTAMP_S = 2, 10.0, 2.0
HOP_MS = 50
NO_SCENE = "mel"  # a level of timestamps only, which needs no network
COLUMNS = {
    "model": "",
    "precision": "on the device",
    "embedding": "scenes or timestamps",
    "level": "the one that is farthest off",
    "relative": "norm of the difference over the norm, over all embeddings of a level",
    "off": "1 - cosine similarity of an embedding to its twin, at most",
}


def measure(device: str, names: Sequence[str], all_levels: bool, seconds: float = SECONDS) -> Record:
    """Compare embeddings of noise on a device with those of the CPU in fp32; weights are untrained or packaged.

    Args:
        device: what is compared, in every precision that it and the model have.
        names: checkpoints.
        all_levels: whether every level of the checkpoint is compared, or those of its default spec.
        seconds: of the clips of scenes.
    """
    rows, by_level = [], {}
    for name in names:
        spec = _spec(name)
        references = _embeddings(spec, "cpu", "fp32", all_levels, seconds)
        precisions = available(torch.device(device)) if registry.card(spec.checkpoint).precisions else ("fp32",)
        for precision in precisions:
            found = _embeddings(spec, device, precision, all_levels, seconds)
            for embedding, reference in references.items():
                errors = {level: _errors(found[embedding][level], value) for level, value in reference.items()}
                worst = max(errors, key=lambda level: errors[level][0])
                values = (name, precision, embedding, worst, *errors[worst])
                rows.append(dict(zip(COLUMNS, values, strict=True)))
                by_level[f"{name} {precision} {embedding}"] = {level: error[0] for level, error in errors.items()}
    what = f"{CLIPS} clips of noise: scenes of {seconds:g} s, timestamps of {min(seconds, TIMESTAMP_S):g} s"
    return Record(f"{what}; against the CPU in fp32", rows, COLUMNS, facts={"relative": by_level}, device=device)


def _spec(name: str) -> EmbeddingSpec:
    spec = registry.resolve(name)
    published = spec.weights == "published" and "untrained" in registry.card(spec.checkpoint).weights
    return dataclasses.replace(spec, weights="untrained-0") if published else spec


def _embeddings(
    spec: EmbeddingSpec, device: str, precision: str, all_levels: bool, seconds: float
) -> Mapping[str, Mapping[str, Tensor]]:
    """Return "scenes" and "timestamps" -> level -> embeddings (rows, dim)."""
    with released(registry.build(spec, device=device, precision=precision)) as embedder:
        scene_taps, timed_taps = _taps(spec, all_levels)
        clips = sounds(CLIPS, 1, round(seconds * embedder.sample_rate))
        short = [clip[: round(TIMESTAMP_S * embedder.sample_rate)] for clip in clips]
        scenes = embedder.scene(clips, scene_taps)
        timed = [values for values, _ in embedder.timestamps(short, timed_taps, HOP_MS)]
    return {
        "scenes": {level: scenes[level, window] for level, window in scene_taps},
        "timestamps": {level: torch.cat([values[level, window] for values in timed]) for level, window in timed_taps},
    }


def _taps(spec: EmbeddingSpec, all_levels: bool) -> tuple[Sequence[Tap], Sequence[Tap]]:
    if not all_levels:
        return spec.scene_taps(), spec.timestamp_taps()
    levels = [level for level in registry.card(spec.checkpoint).levels if level != NO_SCENE]
    (window,) = spec.windows_ms
    return [(level, None) for level in levels], [(level, window) for level in levels]


def _errors(found: Tensor, reference: Tensor) -> tuple[Any, Any]:
    """Return the relative error, and the largest cosine distance of a row."""
    a, b = found.double(), reference.double()
    off = (1 - F.cosine_similarity(a, b, dim=-1)).clamp(min=0).max()
    return float((a - b).norm() / b.norm()), float(off)
