"""The values of a training: recipe, schedule, scores, random streams."""

import itertools
import json
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from passt.training.data.streams import stream
from passt.training.declared.recipe import Averaging, Recipe
from passt.training.declared.schedule import Schedule
from passt.training.scores import mean_average_precision
from tests.passt.training.toy import recipe


def test_a_recipe_is_its_json():
    one = recipe(averaging={"start": 2, "every": 3}, distillation={"weight": 0.9})
    assert Recipe.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert one.parts == 2


def test_the_defaults_are_the_published_trainings():
    one = Recipe.from_dict({"name": "x", "steps": 1, "batch": 12, "lr": "2e-5"})
    assert one.lr == 2e-5
    assert one.weight_decay == 1e-4
    assert (one.augmentations.frequency_mask, one.augmentations.time_mask) == (48, 192)
    assert (one.architecture.width, one.architecture.depth, one.architecture.grid) == (768, 12, (12, 99))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepz": 3}, r"recipe: unknown key 'stepz' \(did you mean 'steps'\?\)"),
        ({"patchout": {"cols": 3}}, "recipe: patchout: unknown key 'cols'"),
        ({"patchout": 3}, "recipe: patchout must be a mapping of keys, got 3"),
        ({"steps": 2.5}, "recipe: steps must be a whole number, got 2.5"),
        ({"steps": True}, "recipe: steps must be a whole number, got True"),
        ({"weight_decay": float("inf")}, "recipe: weight_decay must be a number, got inf"),
        ({"weight_decay": "nan"}, "recipe: weight_decay must be a number, got 'nan'"),
        ({"weight_decay": 10**400}, "recipe: weight_decay must be a number, got inf"),
        ({"name": ["x"]}, r"recipe: name must be text, got \['x'\]"),
        ({"lr": "fast"}, "recipe: lr must be a number, got 'fast'"),
        ({"lr": -1}, "recipe: lr must be above 0, got -1"),
        ({"micro_batch": 3}, "recipe: micro_batch must be a divisor of the batch of 4, got 3"),
        ({"start": "random"}, "recipe: start must be one of untrained, imagenet, file, got 'random'"),
        ({"precision": "fp16"}, "recipe: precision must be one of fp32, tf32, bf16, got 'fp16'"),
        ({"architecture": {"width": 30, "heads": 4}}, "recipe: architecture: width must be a multiple of the 4 heads"),
        ({"schedule": {"shape": "cosine"}}, "recipe: schedule: schedule shape must be one of exponential, linear"),
        ({"augmentations": {"mixup_rate": 2}}, "augmentations mixup_rate must be 0 to 1, got 2"),
        ({"distillation": {"weight": 1.5}}, "distillation weight must be 0 to 1, got 1.5"),
    ],
)
def test_what_a_recipe_can_not_be_is_said_in_one_line(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        recipe(**changes)
    assert "\n" not in str(error.value)


def test_a_recipe_says_what_it_needs():
    with pytest.raises(ValueError, match="recipe needs 'lr'"):
        Recipe.from_dict({"name": "x", "steps": 1, "batch": 1})


def test_the_schedule_goes_up_stays_and_comes_down_to_its_floor():
    one = Schedule(warmup=5, decay_from=50, decay_over=50, floor=0.01)  # published, in epochs
    factors = [one.factor(step) for step in range(130)]
    assert factors[2] == pytest.approx(math.exp(-5 * (1 - 2 / 5) ** 2))
    assert all(a < b for a, b in itertools.pairwise(factors[:6]))
    assert set(factors[5:51]) == {1.0}
    assert all(a > b for a, b in itertools.pairwise(factors[50:101]))
    assert factors[75] == pytest.approx((1 + 0.01) / 2)
    assert factors[100:] == pytest.approx([0.01] * 30)


def test_a_linear_warm_up_begins_above_0_and_no_schedule_is_constant():
    rises = [Schedule(warmup=4, shape="linear").factor(step) for step in range(6)]
    assert rises == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    assert {Schedule().factor(step) for step in (0, 1, 10**6)} == {1.0}


def test_averaging_takes_a_step_and_every_so_many():
    assert [step for step in range(20) if Averaging(5, 4).takes(step)] == [5, 9, 13, 17]
    assert not any(Averaging().takes(step) for step in range(20))
    assert [step for step in range(5) if Averaging(0, 2).takes(step)] == [2, 4]


def test_labels_that_no_clip_has_do_not_count():
    random = np.random.default_rng(0)
    targets = (random.random((40, 7)) < 0.2).astype(np.float32)
    targets[:, 3] = 0
    scores = random.integers(3, size=(40, 7)).astype(np.float32)
    occurring = targets.any(axis=0)
    alone = [average_precision_score(targets[:, label], scores[:, label]) for label in np.flatnonzero(occurring)]
    assert mean_average_precision(targets, scores) == pytest.approx(np.mean(alone), abs=1e-12)
    assert mean_average_precision(targets[:, :1], scores[:, :1]) == pytest.approx(alone[0], abs=1e-12)


def test_scores_that_are_not_defined_are_nan():
    scores = np.zeros((3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(mean_average_precision(np.zeros((3, 2)), scores))
    assert math.isnan(mean_average_precision(np.ones((3, 2)), scores * np.nan))


def test_streams_are_their_names():
    draws = {
        names: float(torch.rand((), generator=stream(*names))) for names in [(0, "a", 1), (0, "a", 2), (0, "b", 1)]
    }
    assert len(set(draws.values())) == 3
    assert float(torch.rand((), generator=stream(0, "a", 1))) == draws[0, "a", 1]
