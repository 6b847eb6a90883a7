"""The engine that executes units in this process, one after the other.

On CUDA the probes of small units are trained together, when the taps of several are in the store
(`ablations.units.waiting`).
"""

import gc
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ablations.engines import Results
from ablations.engines.loaded import Loaded
from ablations.models import registry
from ablations.study.study import Study
from ablations.system.machine import choose_device
from ablations.units.unit import Settings, Unit, failure_of, grouped
from ablations.units.waiting import WaitingUnits
from ablations.units.work import UnitResult
from downstream.probes.protocol import Protocol
from downstream.progress import Track, silent
from passt.network.precision import precision_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Here:
    """This process as an engine. It loads an embedder once for consecutive units that need it."""

    def device(self, device: str | None) -> str:
        """The device that was asked for, or CUDA where there is one; ValueError for a device that is not here."""
        return choose_device(device)

    def check(self, settings: Settings) -> None:
        """Raise ValueError for a precision that this machine does not have."""
        check(settings)

    def results(self, units: Sequence[Unit], settings: Settings, track: Track = silent) -> Results:
        """Extract taps in the units' order; yield each unit when its probes have been trained."""
        groups = grouped(units)
        with Loaded(settings, track) as loaded, WaitingUnits(settings, track) as waiting:
            for group, following in itertools.zip_longest(groups, groups[1:]):
                try:
                    embedders = loaded.of(group[0].models)
                except Exception as error:
                    yield from ((unit, broken(unit, error, logged=number > 0)) for number, unit in enumerate(group))
                    continue
                for unit in group:
                    if waiting.full:
                        waiting.evaluate()
                    waiting.extract(unit, embedders)
                    yield from waiting.ended()
                del embedders
                loaded.keep(following[0].group if following else ())
                if settings.device != "cpu":
                    gc.collect()  # a network may refer to itself; its memory is for the probes and the next embedder
                if waiting.full:
                    waiting.evaluate()
                    yield from waiting.ended()
            waiting.evaluate()
            yield from waiting.ended()


def broken(unit: Unit, error: Exception, logged: bool = False) -> UnitResult:
    """The result of a unit whose embedder can't be loaded: one failure of its models, equal for all their tasks.

    Args:
        unit: what can't be executed.
        error: why its embedder can't be loaded.
        logged: whether the log has the failure already.
    """
    failure = failure_of(unit.models, "", error)
    if not logged:
        logger.error("%s", failure, exc_info=None if isinstance(error, ValueError | OSError) else error)
    return UnitResult(failures=(failure,))


def check(settings: Settings) -> None:
    """Raise ValueError for a precision of models or probes that the study asks for and this machine does not have."""
    Protocol.parse(settings.study.protocol).check(settings.device)
    if any(registry.card(part.spec.checkpoint).precisions for model in settings.study.models for part in model.parts):
        precision_for(settings.precision, torch.device(settings.device))


def check_movable(study: Study, other: str) -> None:
    """Raise ValueError for a model that is an object of this process, which another process does not have."""
    for model in study.models:
        if any(registry.family_of(part.spec.checkpoint).here_only for part in model.parts):
            raise ValueError(f"{model.label}: is an object of this process, which {other} does not have; run it here")
