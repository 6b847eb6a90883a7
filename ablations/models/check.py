"""Check a model against the rules of the HEAR API: a module, or any spec, whose embeddings go by the same rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ablations.models import registry
from ablations.models.hear_modules import address, rules
from ablations.models.hear_modules.api import Answers, Module
from ablations.models.hear_modules.embedder import at_work, importing
from ablations.models.hear_modules.process import Process
from downstream.embedder import Embedder, released, widths
from downstream.lookahead import looking_ahead
from passt import EmbeddingSpec

OK, FAILED = "ok", "FAILED"
COLUMNS = ("rule", "result", "seen")


def check_model(
    spec: str,
    *,
    weights: Path | None = None,
    device: str = "cpu",
    python: str | None = None,
) -> pd.DataFrame:
    """Check a model against every rule.

    Args:
        spec: the text of a spec or the name of one, or ``hear:module``.
        weights: a weight file, for a spec that names no weights.
        device: "cpu" or "cuda".
        python: the interpreter that has a HEAR module; None is this one.

    Returns:
        The columns rule, result (`OK` or `FAILED`), and seen (what was seen, or what is wrong). A model that can't be
        loaded has one row.

    Raises:
        ValueError, FileNotFoundError: an unknown model, or an interpreter or a weight file that is not there.
    """
    resolved, file = registry.resolve_with_file(spec, weights)
    resolved.refuse_beside()
    interpreter = registry.interpreter_for(resolved, python)
    try:
        with _loaded(resolved, file, device, interpreter) as model:
            rows = [("loads", True, str(resolved)), *rules.results(model)]
    except ValueError as error:
        rows = [("loads", False, str(error))]
    texts = [(rule, OK if holds else FAILED, seen) for rule, holds, seen in rows]
    return pd.DataFrame(texts, columns=list(COLUMNS))


@contextmanager
def _loaded(spec: EmbeddingSpec, weights: Path | None, device: str, python: Path | None) -> Iterator[Answers]:
    """The answers of a model."""
    if not spec.checkpoint.startswith(address.PREFIX):
        embedder = registry.build(spec, device=device, weights=weights)
        with released(embedder):
            yield OfSpec(spec, embedder)
        return
    module = address.parse(spec.checkpoint)
    request: tuple[Any, ...] = (
        module.module,
        dict(module.options),
        str(weights.absolute()) if weights else None,
        device,
    )
    if python:
        process = Process(python, *request)
        try:
            yield OfProcess(process)
        finally:
            process.close()
        return
    with importing(), at_work(str(module), {}):
        yield Module(*request)


class OfSpec(Answers):
    """The embeddings of a spec, its taps side by side."""

    scene_function, timestamps_function = "scene", "timestamps"

    def __init__(self, spec: EmbeddingSpec, embedder: Embedder) -> None:
        self.title, self.spec, self.embedder = str(spec), spec, embedder
        self.sample_rate = embedder.sample_rate
        self.scene_size = sum(widths(embedder, spec.scene_taps(), None).values())
        self.timestamp_size = sum(widths(embedder, spec.timestamp_taps(), spec.timestamp_hop_ms).values())

    def ask(self, function: str, audio: np.ndarray) -> Any:
        """Embed clips of one length."""
        clips = list(torch.from_numpy(audio))
        if function == self.scene_function:
            taps = self.spec.scene_taps()
            if not taps:
                self.fault("has no scene embedding, its only level is mel")
            scenes = self.embedder.scene(clips, taps)
            return torch.cat([scenes[tap] for tap in taps], dim=-1)
        taps = self.spec.timestamp_taps()
        embedder = looking_ahead(self.embedder, self.spec.lookahead_ms)
        per_clip = embedder.timestamps(clips, taps, self.spec.timestamp_hop_ms)
        values = [torch.cat([steps[tap] for tap in taps], dim=-1) for steps, _ in per_clip]
        return torch.stack(values), torch.stack([times for _, times in per_clip])


class OfProcess(Answers):
    """A HEAR module in a process of its own, which has checked each answer before it arrives."""

    def __init__(self, process: Process) -> None:
        self.title, self.process = f"hear:{process.name}", process
        self.sample_rate = process.facts.sample_rate
        self.scene_size = process.facts.scene_embedding_size
        self.timestamp_size = process.facts.timestamp_embedding_size

    def ask(self, function: str, audio: np.ndarray) -> Any:
        """Ask the process; it has one list of timestamps for all clips."""
        if function == self.scene_function:
            return self.process.scene(audio)
        values, times = self.process.timestamps(audio)
        return values, np.tile(times, (len(values), 1))
