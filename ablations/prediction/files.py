"""Predictions of audio files: each is embedded as `ablate embed` does, then predicted by the kept probes."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from ablations.embedding.files import read_batches
from ablations.embedding.outputs import Work
from ablations.embedding.sources import Source
from ablations.models import registry
from ablations.prediction.chosen import ChosenProbes
from ablations.system.errors import one_line
from ablations.system.machine import choose_device
from downstream.embedder import Embedder, Tap, keeps_tokens, released, widths
from downstream.progress import Track, silent
from downstream.store.number_format import format_of


@dataclass(frozen=True)
class Predicted:
    """What was predicted of a file.

    Attributes:
        source: the file.
        seconds: its length.
        values: (items, labels) probabilities, or numbers in the task's units; one item for a scene.
        timestamps: (items,) in ms for events; empty for scenes.
        error: why there is nothing, in one line; empty without an error.
    """

    source: Source
    seconds: float = 0.0
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    timestamps: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    error: str = ""


def predicted(
    sources: Sequence[Source], probes: ChosenProbes, device: str | None = None, track: Track = silent
) -> Iterator[Predicted]:
    """Predict files, the longest first; a file that can't be read does not stop the others.

    Args:
        sources: the files.
        probes: what predicts them.
        device: that the model computes on; None for CUDA where there is one.
        track: is told how far the work is.

    Raises:
        ValueError: the model is another one than the probes were trained on.
        FileNotFoundError: its weights are not here.
    """
    lengths: dict[Source, float] = {}
    for source in sources:
        try:
            lengths[source] = source.seconds()
        except (ValueError, OSError) as error:
            yield Predicted(source, error=one_line(error))
    if not lengths:
        return
    with released(_built(probes, choose_device(device), track)) as embedder:
        work = _work(embedder, probes)
        title = f"{probes.model.label}: {probes.task}"
        with track(title, len(lengths)) as advance, closing(read_batches(work, lengths)) as batches:
            for batch, loaded in batches:
                yield from _of_batch(work, probes, batch, loaded)
                advance(len(batch))


def _built(probes: ChosenProbes, device: str, track: Track) -> Embedder:
    """Build the model, and hold it against the one that the probes were trained on."""
    model = probes.model
    embedder = registry.build(
        model.spec,
        device=device,
        weights=model.weights_file,
        python=model.python,
        precision=probes.precision,
        track=track,
    )
    if embedder.fingerprint != probes.embedder_fp:
        got = f"it is {embedder.fingerprint}, expected {probes.embedder_fp}"
        raise ValueError(f"{model.label} is not the model that its probes were trained on: {got}; run the study again")
    return embedder


def _work(embedder: Embedder, probes: ChosenProbes) -> Work:
    spec = probes.model.spec
    scene_taps = () if probes.is_event else tuple(spec.scene_taps())
    timestamp_taps = tuple(spec.timestamp_taps()) if probes.is_event else ()
    return Work(embedder, spec, probes.precision, scene_taps, timestamp_taps)


def _of_batch(
    work: Work, probes: ChosenProbes, sources: Sequence[Source], loaded: Sequence[object]
) -> Iterator[Predicted]:
    """Embed and predict files that were read together."""
    good = []
    for source, read in zip(sources, loaded, strict=True):
        if isinstance(read, tuple):
            good.append((source, *read))
        else:
            yield Predicted(source, error=one_line(read))
    for (source, _, seconds, _), arrays in zip(good, work.embed_all([clip for _, clip, *_ in good]), strict=True):
        if isinstance(arrays, Exception):
            yield Predicted(source, error=one_line(f"{source.path}: {type(arrays).__name__}: {arrays}"))
            continue
        x = arrays["timestamp_embeddings"] if probes.is_event else arrays["scene"][None]
        if not np.isfinite(x).all():
            yield Predicted(source, error=f"{source.path}: its embedding is not finite")
            continue
        values = probes.predictions(_as_stored(work, x))
        yield Predicted(source, seconds, values, arrays.get("timestamps", np.zeros(0)))


def _as_stored(work: Work, x: np.ndarray) -> np.ndarray:
    """Embeddings (items, dim) as the store has them, of which probes were trained: tokens are rounded to bfloat16."""
    taps: Sequence[Tap] = work.timestamp_taps or work.scene_taps
    if not any(keeps_tokens(work.embedder, tap) for tap in taps):
        return x
    hop_ms = work.spec.timestamp_hop_ms if work.timestamp_taps else None
    parts, start = [], 0
    for tap, width in widths(work.embedder, taps, hop_ms).items():
        kept = format_of(work.embedder, tap)
        parts.append(kept.decoded(kept.encoded(x[:, start : start + width]))[:])
        start += width
    return np.concatenate(parts, axis=1)
