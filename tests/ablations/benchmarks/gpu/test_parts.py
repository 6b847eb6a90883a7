"""The table of parts: what it names exists, and it fits the time."""

import importlib
import inspect
from collections import Counter

import pytest

from ablations.benchmarks.gpu.parts import PARTS, REHEARSAL
from ablations.benchmarks.gpu.steps.sweeps import SWEEPS
from ablations.models import registry

NINE_MINUTES = 540
STEPS = [pytest.param(part, step, id=f"{part.name}: {step.name}") for part in PARTS for step in part.steps]


def test_all_parts_take_less_than_nine_minutes():
    assert sum(part.seconds for part in PARTS) < NINE_MINUTES
    assert max(Counter(part.name for part in PARTS).values()) == 1


@pytest.mark.parametrize(("part", "step"), STEPS)
def test_a_step_names_a_function_that_takes_its_options(part, step):
    module, _, name = step.function.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    for options in (step.options, {**step.options, **(step.rehearsal or {})}):
        signature.bind(**{"device": "cpu"} if "device" in signature.parameters else {}, **options)
    assert Counter(other.name for other in part.steps)[step.name] == 1


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_is_rehearsed(part):
    assert any(step.rehearsal is not None for step in part.steps)


@pytest.mark.parametrize("place", REHEARSAL)
def test_constants_of_a_rehearsal_exist(place):
    module, _, name = place.partition(":")
    assert type(getattr(importlib.import_module(module), name)) is type(REHEARSAL[place])


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_names_a_model_and_has_a_step(name):
    registry.resolve(SWEEPS[name].model)
    assert name in {step.options["name"] for part in PARTS if part.name == "sweeps" for step in part.steps}
