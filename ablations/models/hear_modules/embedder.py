"""A HEAR module as an embedder, which chooses its widths and its timestamps."""

import contextlib
import importlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.models.hear_modules import address
from ablations.models.hear_modules.api import Module
from ablations.models.hear_modules.process import TIMEOUT, TIMEOUT_S, Process
from ablations.models.hear_modules.trial import ModuleFacts, check
from ablations.system.child import seconds_of
from downstream.disk.files import fingerprint
from downstream.embedder import Tap
from passt.catalog.choices import choices
from passt.catalog.spec import OWN_HOP, EmbeddingSpec
from passt.windows.samples import clips_of

SECONDS_AT_ONCE = 30.0  # of sound in one call, because nobody knows how much a module's memory bears
FORMAT = 2  # part of the fingerprint; raised when the numbers change

SETTINGS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "threads": (torch.get_num_threads, torch.set_num_threads),
}
"""Settings of torch and of this process. A module may change them for itself, not for other models and the probes."""

logger = logging.getLogger(__name__)


class HearEmbedder:
    """A module of the HEAR common API.

    Its one level is ``embedding``, and it chooses its receptive field and its timestamps. Clips of equal length go to
    the module together, others in other calls, so that nothing is padded.

    Args:
        spec: its checkpoint is the module's address (`address`).
        device: for models of torch.
        weights: a file for load_model, in place of the module's own weights.
        python: the interpreter that has the module; None imports it in this process.

    Attributes:
        dims, timestamp_dims: the width of scene and of timestamp embeddings.
        facts: what is known of the module.
        own_hop_ms: the mean step of its timestamps on a fixed clip; None if the clip has one timestamp.
        versions: version of the module's package, if known.

    Raises:
        ValueError: a module that can't be loaded or breaks the API (`api.Module`), or weights without their file.
    """

    def __init__(
        self, spec: EmbeddingSpec, *, device: str = "cpu", weights: Path | None = None, python: Path | None = None
    ) -> None:
        module = address.parse(spec.checkpoint)
        of_file = spec.weights.startswith("sha256-")
        if of_file != (weights is not None):
            raise ValueError(f"{spec.checkpoint}: weights {spec.weights} need the file that has this hash")
        self.name = f"{spec.checkpoint}@{spec.weights}"
        request = (module.module, dict(module.options), str(weights.absolute()) if weights else None, device)
        self._settings: dict[str, Any] = {}
        self._module: Process | Module
        if python:
            self._module = Process(python, *request)
            facts = self._module.facts
        else:
            self._module, facts = _loaded_here(*request, self._settings)
        self.facts = facts
        self.sample_rate = facts.sample_rate
        self.dims: Mapping[str, int] = dict.fromkeys(address.LEVELS, facts.scene_embedding_size)
        self.timestamp_dims: Mapping[str, int] = dict.fromkeys(address.LEVELS, facts.timestamp_embedding_size)
        self.own_hop_ms = facts.own_hop_ms
        self.versions: Mapping[str, str] = facts.versions
        known = {key: value for key, value in asdict(facts).items() if key != "own_hop_ms"}
        identity = {"hear": str(module), "weights": spec.weights if of_file else "own", "format": FORMAT}
        self.fingerprint = fingerprint({**identity, **known})

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Scene embeddings: per tap (clips, scene width), float32, on the CPU."""
        self._check(taps)
        scenes = torch.empty(len(clips), self.dims["embedding"], dtype=torch.float32)
        for places, audio in _batches(clips, self.sample_rate):
            with _at_work(self.name, self._settings):
                values = self._module.scene(audio)
            scenes[places] = torch.from_numpy(values)
        return dict.fromkeys(taps, scenes)

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Per clip ({tap: (steps, timestamp width)}, (steps,) in ms, float64 as the module gives them)."""
        self._check(taps)
        if hop_ms != OWN_HOP:
            raise ValueError(f"{self.name}: its timestamps are its own (town), got a hop of {hop_ms} ms")
        by_place: dict[int, tuple[dict[Tap, Tensor], Tensor]] = {}
        for places, audio in _batches(clips, self.sample_rate):
            with _at_work(self.name, self._settings):
                values, times = map(torch.from_numpy, self._module.timestamps(audio))
            by_place |= {place: (dict.fromkeys(taps, rows), times) for place, rows in zip(places, values, strict=True)}
        return [by_place[place] for place in range(len(clips))]

    def close(self) -> None:
        """End its process, if it has one."""
        if isinstance(self._module, Process):
            self._module.close()

    def _check(self, taps: Sequence[Tap]) -> None:
        for level, window in taps:
            if level not in self.dims or window is not None:
                raise ValueError(f"{self.name}: unknown tap {(level, window)}{choices(level, self.dims)}, of its own")


def _batches(clips: Sequence[Tensor], sample_rate: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """Batches of clips of equal length, as many clips as `SECONDS_AT_ONCE` allows.

    Yields:
        The places of the clips in `clips`, and their samples (clips, samples).
    """
    clips = clips_of(clips)
    by_length: dict[int, list[int]] = {}
    for place, clip in enumerate(clips):
        by_length.setdefault(len(clip), []).append(place)
    for samples, places in by_length.items():
        size = max(1, int(SECONDS_AT_ONCE * sample_rate / samples))
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            yield chosen, torch.stack([clips[place] for place in chosen]).cpu().numpy()


def _loaded_here(
    name: str, options: Mapping[str, Any], weights: str | None, device: str, settings: dict[str, Any]
) -> tuple[Module, ModuleFacts]:
    """Load and check the module in this process, from where `python -m` would load it."""
    folder = str(Path.cwd())
    importlib.invalidate_caches()
    sys.path.insert(0, folder)
    try:
        with _at_work(name, settings):
            module = Module(name, dict(options), weights, device)
            return module, check(module)
    finally:
        sys.path.remove(folder)


@contextlib.contextmanager
def _at_work(name: str, settings: dict[str, Any]) -> Iterator[None]:
    """Let a module work: its prints go to the log, and its changes of `SETTINGS` end with it.

    Args:
        name: of the module.
        settings: as the module left them last; empty at first.
    """
    printed, ours = io.StringIO(), {key: get() for key, (get, _) in SETTINGS.items()}
    seconds = seconds_of(TIMEOUT, TIMEOUT_S)
    text = "%s: no answer in %g s; in this process it can't be ended, with an interpreter of its own (python) it can"
    waiting = threading.Timer(seconds + 1, logger.warning, (text, name, seconds))
    waiting.daemon = True
    waiting.start()
    try:
        with contextlib.redirect_stdout(printed):
            _set(settings)
            yield
    finally:
        waiting.cancel()
        settings.update({key: get() for key, (get, _) in SETTINGS.items()})
        _set(ours)
        if printed.getvalue():
            logger.debug("%s printed: %s", name, printed.getvalue())


def _set(settings: Mapping[str, Any]) -> None:
    for key, value in settings.items():
        get, put = SETTINGS[key]
        if get() != value:
            put(value)
