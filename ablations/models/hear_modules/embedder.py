"""A HEAR module as an embedder, which chooses its widths and its timestamps."""

import contextlib
import importlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ablations.models.hear_modules import address
from ablations.models.hear_modules.api import Module
from ablations.models.hear_modules.one_level import OneLevelEmbedder
from ablations.models.hear_modules.process import TIMEOUT, TIMEOUT_S, Process
from ablations.models.hear_modules.trial import ModuleFacts, check
from ablations.system.child import seconds_of
from downstream.disk.files import fingerprint
from passt.catalog.spec import EmbeddingSpec

FORMAT = 2  # part of the fingerprint; raised when the numbers change

SETTINGS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "threads": (torch.get_num_threads, torch.set_num_threads),
}
"""Settings of torch and of this process. A module may change them for itself, not for other models and the probes."""

logger = logging.getLogger(__name__)


class HearEmbedder(OneLevelEmbedder):
    """A module of the HEAR common API.

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

    def close(self) -> None:
        """End its process, if it has one."""
        if isinstance(self._module, Process):
            self._module.close()

    def _at_work(self) -> contextlib.AbstractContextManager[None]:
        return at_work(self.name, self._settings)


def _loaded_here(
    name: str, options: Mapping[str, Any], weights: str | None, device: str, settings: dict[str, Any]
) -> tuple[Module, ModuleFacts]:
    """Load and check the module in this process, from where `python -m` would load it."""
    with importing(), at_work(name, settings):
        module = Module(name, dict(options), weights, device)
        return module, check(module)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Look for modules in the current folder, too."""
    folder = str(Path.cwd())
    importlib.invalidate_caches()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


@contextlib.contextmanager
def at_work(name: str, settings: dict[str, Any]) -> Iterator[None]:
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
