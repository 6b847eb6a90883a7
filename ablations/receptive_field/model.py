"""Measure the effective receptive fields of a model that a study can name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablations.models import registry
from ablations.receptive_field import sounds
from ablations.receptive_field.asked import nominal_windows, specs_of
from ablations.receptive_field.gradients import why_not
from ablations.receptive_field.measure import GRADIENTS, Choice, Field, measure, spans
from ablations.system.machine import choose_device
from ablations.units.where import Where
from downstream.embedder import optional, released
from downstream.lookahead import looking_ahead
from downstream.progress import Track, silent
from passt import EmbeddingSpec
from passt.catalog.spec_text import OWN_HOP

TASK = "digit_events"
"""Real speech that is part of the package, in clips that are long enough for windows of a second."""


def field_of(
    model: str | EmbeddingSpec,
    *,
    levels: Sequence[str] | None = None,
    windows_ms: Sequence[int | str] | None = None,
    task: str | None = TASK,
    where: Where | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    python: str | None = None,
    track: Track = silent,
    **chosen: Any,
) -> Field:
    """Measure how much the sound at each offset from a timestamp decides the embedding of that timestamp.

    Args:
        model: a spec, its text, or the name of one.
        levels: such as "block6", "block1..block12" or "*"; None for those of the spec. Each is measured by itself.
        windows_ms: such as 160, or "own" for the model's own extent; None for those of the spec.
        task: whose clips are heard; None for noise.
        where: folders of tasks and of the store.
        weights: a weight file, for a spec that names no weights.
        device: "cpu" or "cuda"; None for CUDA where there is one.
        python: the interpreter of a HEAR module.
        track: shows how far the work is.
        chosen: the attributes of `ablations.receptive_field.measure.Choice`: clips, stretch_ms, reach_ms, methods,
            replacement, seed.

    Raises:
        ValueError, FileNotFoundError: an unknown model, level or window, an option out of range, clips that are too
            short, or a model whose embedding is the same for every sound.
    """
    choice, where = Choice(**chosen), where or Where()
    for name, value in (("levels", levels), ("windows_ms", windows_ms)):
        if isinstance(value, str) or (value is not None and not len(value)):
            raise ValueError(f"{name} must be a list, or None for those of the model, got {value!r}")
    specs, file = specs_of(model, levels, windows_ms, Path(weights) if weights else None)
    spec = specs[0]
    built = registry.build_alone(spec, choose_device(device), file, "fp32", track, python)
    with released(looking_ahead(built, spec.lookahead_ms)) as embedder:
        if optional(embedder).timestamp_dims == {}:
            raise ValueError(f"{spec}: has no timestamp embeddings")
        nominal = nominal_windows(specs, embedder)
        measured = spans(nominal, choice)
        needed = max(span.before_ms for span in measured), max(span.behind_ms for span in measured)
        of_sound = (embedder.sample_rate, *needed, choice.clips, choice.seed)
        heard = sounds.noise(*of_sound) if task is None else sounds.of_task(task, where.tasks, where.store, *of_sound)
        own_hop = spec.timestamp_hop_ms == OWN_HOP
        numbers, curves = measure(embedder, nominal, heard, choice, own_hop=own_hop, track=track)
        facts = {
            **{"sound": heard.source, "clips": len(heard), "shorter_clips": heard.short},
            **{"replacement": choice.replacement, "seed": choice.seed, "sample_rate": embedder.sample_rate},
            **{"fingerprint": embedder.fingerprint},
            "gradients": why_not(embedder) if GRADIENTS in choice.methods else "not asked for",
        }
    ahead = "" if spec.lookahead_ms is None else f", look-ahead {spec.lookahead_ms} ms"
    return Field(f"{spec.checkpoint}@{spec.weights}{ahead}", numbers, curves, facts)
