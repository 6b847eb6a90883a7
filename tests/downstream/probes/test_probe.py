"""The probe and its training, at the edges of the protocol; against hear-eval-kit's runs see test_heareval_runs."""

import math

import numpy as np
import pytest
import torch

from downstream.probes.dropout import Masks
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting, fit, predict
from downstream.probes.probe import Dropout, Probe, ProbeConfig, seed_of
from downstream.probes.selection import Selection


def data(items=80, dim=6, labels=3, seed=0) -> ProbeData:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, labels, items)
    x = rng.normal(size=(items, dim)).astype(np.float32)
    x[np.arange(items), y] += 2
    return ProbeData(x, np.eye(labels, dtype=np.float32)[y])


def run(score, config=None, selection=None, seed=0, **changes):
    config = config or ProbeConfig(hidden_dim=8, batch_size=32, max_epochs=40, patience=3, **changes)
    fitting = Fitting(config, data(seed=1), data(40, seed=2), "multiclass", selection or Selection(), score, seed)
    return fit(fitting)


def scripted(values):
    """A score that follows a script, whatever is predicted."""
    remaining = iter(values)
    return lambda predictions: ({"score": next(remaining)}, None)


def test_training_stops_after_patience_and_the_first_of_equals_is_best():
    found = run(scripted([0.1, 0.5, 0.5, 0.4, 0.5, 0.9]))
    assert [seen.epoch for seen in found.validations] == [2, 5, 8, 11, 14]
    assert (found.best.epoch, found.best.score) == (5, 0.5)


def test_scores_are_compared_as_float32():
    found = run(scripted([0.5, 0.5 + 1e-9, 0.5 + 2e-9, 0.5 + 3e-9, 0.9]))
    assert found.best.epoch == 2


@pytest.mark.parametrize(("higher", "worst"), [(True, -math.inf), (False, math.inf)])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_first_score_that_is_not_finite_ends_training(higher, worst, value):
    found = run(scripted([value, 0.9]), selection=Selection(higher_is_better=higher))
    assert len(found.validations) == 1
    assert (found.best.epoch, found.best.score) == (2, worst if math.isnan(value) else value)
    assert found.state


def test_an_infinite_score_is_the_best():
    found = run(scripted([0.3, 0.4, math.inf, 0.9]))
    assert (len(found.validations), found.best.epoch, found.best.score) == (3, 8, math.inf)


def test_a_last_batch_of_one_item_is_left_out():
    config = ProbeConfig(hidden_dim=8, batch_size=79, max_epochs=3)
    train, valid = data(80), data(40, seed=2)
    rest = (valid, "multiclass", Selection(), accuracy)
    without = fit(Fitting(config, ProbeData(train.x[:79], train.y[:79]), *rest))
    assert fit(Fitting(config, train, *rest)).best.loss == without.best.loss


def test_a_later_nan_ends_training_and_the_best_stays():
    found = run(scripted([0.3, 0.4, math.nan, 0.9]))
    assert len(found.validations) == 3
    assert found.best.epoch == 5


def test_selection_by_loss_computes_no_scores():
    def never(predictions):
        raise AssertionError

    found = run(never, selection=Selection(by_loss=True))
    assert found.best.loss == min(seen.loss for seen in found.validations)
    assert found.best.score == found.best.loss


def accuracy(predictions):
    return {"top1_acc": float((predictions.argmax(1) == data(40, seed=2).y.argmax(1)).mean())}, None


def test_a_fits_seed_is_of_the_evaluations_seed_and_of_the_configuration():
    config = ProbeConfig()
    seeds = {seed_of(*of) for of in ((0, config), (1, config), ((0, "fold00"), config), (0, ProbeConfig(lr=1e-4)))}
    assert len(seeds) == 4
    assert seed_of(0, config) == seed_of(0, ProbeConfig())


def test_a_fit_depends_on_its_seed_alone():
    first = run(accuracy, seed=1)
    torch.manual_seed(1234)
    torch.rand(10)
    again, other = run(accuracy, seed=1), run(accuracy, seed=2)
    assert [seen.loss for seen in first.validations] == [seen.loss for seen in again.validations]
    assert first.validations[0].loss != other.validations[0].loss
    learned = run(accuracy, ProbeConfig(hidden_dim=32, batch_size=32, max_epochs=60, lr=1e-2))
    assert learned.best.score > 0.8


def test_the_best_weights_are_kept_not_the_last():
    scores = iter([0.1, 0.9, 0.2, 0.3, 0.4])
    seen = []

    def score(predictions):
        seen.append(predictions)
        return {"score": next(scores)}, None

    found = run(score)
    assert np.array_equal(predict(found, data(40, seed=2), "multiclass")[0], seen[1])


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("init", "layers"), [("xavier_uniform", 1), ("xavier_normal", 2)])
def test_initial_weights_are_xavier_with_the_gain_of_the_activation_before(init, layers):
    config = ProbeConfig(hidden_layers=layers, init=init, hidden_dim=500)
    probe = Probe(300, 200, config, stream(), Masks([0]))
    linears = [module for module in probe.modules() if isinstance(module, torch.nn.Linear)]
    assert len(linears) == layers + 1
    for number, linear in enumerate(linears):
        gain = 1.0 if number == 0 else math.sqrt(2)
        std = gain * math.sqrt(2 / (linear.in_features + linear.out_features))
        assert linear.weight.std().item() == pytest.approx(std, rel=0.02)
        bound = linear.in_features**-0.5
        assert 0.9 * bound < linear.bias.abs().max() <= bound
        if init == "xavier_uniform":
            assert linear.weight.abs().max() <= std * math.sqrt(3) + 1e-6


def test_dropout_keeps_the_mean():
    layer = Dropout(0.25, Masks([0]))
    dropped = layer(torch.ones(50, 2000))
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert torch.equal(layer.eval()(torch.ones(3, 4)), torch.ones(3, 4))


def test_broken_configurations_are_named():
    with pytest.raises(ValueError, match="init must be one of xavier_uniform, xavier_normal, got 'zeros'"):
        ProbeConfig(init="zeros")
    with pytest.raises(ValueError, match="max_epochs must be at least 3, got 2"):
        ProbeConfig(max_epochs=2)
