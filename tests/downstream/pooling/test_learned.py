"""Learned poolings against their definitions, written out in `plain`."""

import math

import pytest
import torch

from downstream.pooling.learned import MOST_PROTOTYPES, PROGRAMS, Front, level_weights, program_of
from downstream.pooling.pooling import OF_LEVELS, Pooling
from tests.downstream.pooling import plain

ITEMS, PARTS, WIDTH, LABELS, PROBES = 7, 5, 6, 3, 2
EVERY = pytest.mark.parametrize("name", PROGRAMS)


def program(name, width=WIDTH, labels=LABELS):
    return program_of(Pooling(name, PARTS), PARTS * width, labels)


def parameters_of(made, seed=0) -> dict[str, torch.Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return {name: torch.randn(PROBES, *shape, generator=stream) for name, shape in made.shapes.items()}


def features(seed=1) -> torch.Tensor:
    return torch.randn(ITEMS, PARTS * WIDTH, generator=torch.Generator().manual_seed(seed))


@EVERY
def test_values_and_gradients_are_those_of_the_definition(name):
    made, x = program(name), features()
    parameters = {key: values.requires_grad_() for key, values in parameters_of(made).items()}
    out = made.pool(parameters, made.prepare(x))
    assert out.shape == (PROBES, made.dim, ITEMS)
    above = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    found = torch.autograd.grad(out, list(parameters.values()), above)
    for probe in range(PROBES):
        own = {key: values[probe].detach().double().requires_grad_() for key, values in parameters.items()}
        wanted = plain.POOLINGS[name](own, x.double().unflatten(1, (PARTS, WIDTH)))
        torch.testing.assert_close(out[probe].T.double(), wanted, rtol=1e-5, atol=1e-5)
        gradients = torch.autograd.grad(wanted, list(own.values()), above[probe].T.double())
        for one, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(one[probe].double(), other, rtol=1e-5, atol=1e-5)


@EVERY
def test_tokens_of_zeros_and_constant_ones_are_finite(name):
    made, x = program(name), features()
    x[0], x[1] = 0, 3.0
    x[2, :WIDTH] = 0
    parameters = {key: torch.zeros_like(values) for key, values in parameters_of(made).items()}
    for values in (parameters, parameters_of(made)):
        leaves = {key: value.requires_grad_() for key, value in values.items()}
        out = made.pool(leaves, made.prepare(x))
        gradients = torch.autograd.grad(out.square().sum(), list(leaves.values()))
        assert all(each.isfinite().all() for each in (out, *gradients))
    assert not made.pool(values, made.prepare(torch.zeros_like(x))).any()


@EVERY
def test_the_front_of_a_probe(name):
    drawn = []
    front = Front(program(name), lambda values: drawn.append(values.normal_().shape))
    assert [tuple(shape) for shape in drawn] == [
        shape for key, shape in front.program.shapes.items() if key in front.program.drawn
    ]
    state = front.state_dict()
    assert {key: tuple(values.shape) for key, values in state.items()} == dict(front.program.shapes)
    out = front(features())
    wanted = plain.POOLINGS[name](
        {key: values.double() for key, values in state.items()}, features().double().unflatten(1, (PARTS, WIDTH))
    )
    torch.testing.assert_close(out.double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["weighted", "attention"])
def test_training_begins_with_the_mean(name):
    front = Front(program(name), lambda values: None)
    torch.testing.assert_close(front(features()), features().unflatten(1, (PARTS, WIDTH)).mean(dim=1))


def test_levels_of_any_size_count_alike_once_normalized():
    front = Front(program("weighted_normalized"), lambda values: None)
    x = features()
    larger = (x.unflatten(1, (PARTS, WIDTH)) * torch.tensor([1.0, 10, 100, 3, 30])[:, None] + 5).flatten(1)
    torch.testing.assert_close(front(larger), front(x), rtol=1e-3, atol=1e-3)


def test_widths():
    assert program("attention_labels").dim == LABELS * WIDTH
    assert program("attention_labels", width=100).dim == LABELS * 64
    assert program("prototypes").dim == 16 * LABELS
    assert program("prototypes", labels=88).dim == MOST_PROTOTYPES
    assert program("weighted").dim == program("attention").dim == WIDTH


def test_weights_of_levels_of_a_state():
    state = {"front.weights": torch.tensor([0.0, math.log(2), 0.0])}
    for name in OF_LEVELS:
        assert level_weights(Pooling(name, 3), state) == pytest.approx((0.25, 0.5, 0.25))
    assert level_weights(Pooling("attention", 3), {}) is None
    assert level_weights(None, {}) is None
