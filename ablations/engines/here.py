"""Engines: what executes units. Each hands back every unit with its result, as soon as it has one.

The engine of this file works in this process, unit after unit; `ablations.engines.ray` has Ray's. The files that a run
leaves are the same whichever engine ran.
"""

import logging
from collections.abc import Iterator, Sequence

import torch

from ablations.models import registry
from ablations.study.study import Model
from ablations.units.execute import UnitResult, run_unit
from ablations.units.unit import Settings, Unit, failure_of, grouped
from downstream.embedder import Embedder, released
from downstream.progress import Track, silent
from passt.network.precision import precision_for

logger = logging.getLogger(__name__)

Results = Iterator[tuple[Unit, UnitResult]]


def run_here(units: Sequence[Unit], settings: Settings, track: Track = silent) -> Results:
    """One unit after the other, in order; an embedder is loaded once for all its units."""
    for group in grouped(units):
        try:
            embedder = build(group[0].models, settings, track)
        except Exception as error:
            yield from ((unit, broken(unit, error, told=number > 0)) for number, unit in enumerate(group))
            continue
        with released(embedder):
            for unit in group:
                yield unit, run_unit(unit, embedder, settings, track=track)


def build(variants: Sequence[Model], settings: Settings, track: Track = silent) -> Embedder:
    """The embedder of a group's models."""
    first = min(variants, key=lambda model: "logits" in model.spec.levels)  # which a file of weights may lack
    options = {"precision": settings.precision, "compiled": settings.compiled, "track": track}
    return registry.build(
        first.spec, device=settings.device, weights=first.weights_file, python=first.python, **options
    )


def broken(unit: Unit, error: Exception, told: bool = False) -> UnitResult:
    """The result of a unit whose embedder can't be had: a failure of the models, equal for all their tasks."""
    failure = failure_of(unit.models, "", error)
    if not told:
        logger.error("%s", failure, exc_info=None if isinstance(error, ValueError | OSError) else error)
    return UnitResult(failures=(failure,))


def check(settings: Settings) -> None:
    """ValueError for a precision that is not here, before anything is done."""
    if any(registry.card(model.spec.checkpoint).precisions for model in settings.study.models):
        precision_for(settings.precision, torch.device(settings.device))
