"""Average precision and areas under ROC curves against scikit-learn, which is their definition."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from downstream.scores import metrics, ranking
from downstream.scores.ranking import Ranking

EXACT = 1e-12


def sigmoid(x):
    return (1 / (1 + np.exp(-x))).astype(np.float32)


def by_sklearn(score, predictions, targets) -> list[float]:
    """A score of each label, label by label."""
    with warnings.catch_warnings(action="ignore"):
        return [score(targets[:, i], predictions[:, i]) for i in range(targets.shape[1])]


def same(predictions, targets) -> None:
    """Compare both scores of every label, and the three metrics."""
    stacked = torch.from_numpy(np.ascontiguousarray(predictions.T))[None]
    found = Ranking(torch.from_numpy(np.ascontiguousarray(targets.T)))
    precisions = by_sklearn(average_precision_score, predictions, targets)
    areas = np.array(by_sklearn(roc_auc_score, predictions, targets))
    np.testing.assert_allclose(found.average_precisions(stacked)[0], precisions, rtol=0, atol=EXACT)
    np.testing.assert_allclose(found.areas(stacked)[0], areas, rtol=0, atol=EXACT)
    wanted = {"mAP": np.mean(precisions), "aucroc": np.mean(areas)}
    for name, value in wanted.items():
        found = metrics.get(name).score(predictions, targets)[name]
        assert found == pytest.approx(value, rel=0, abs=EXACT, nan_ok=True)
    quantiles = norm.ppf(areas)
    steep = 1 / norm.pdf(quantiles[np.isfinite(quantiles)])  # where an area is close to 1, its last bit counts
    with np.errstate(invalid="ignore"):
        d_prime = math.sqrt(2) * np.mean(quantiles)
    found = metrics.get("d_prime").score(predictions, targets)["d_prime"]
    slack = EXACT + 4 * np.finfo(float).eps * steep.max(initial=0)
    assert found == pytest.approx(d_prime, rel=0, abs=slack, nan_ok=True)


def made(kind: str, draw: np.random.Generator, items: int, labels: int) -> np.ndarray:
    """Predictions as probes make them, and worse."""
    logits = draw.normal(size=(items, labels)) * 4
    return {
        "random": lambda: sigmoid(logits),
        "double": lambda: draw.random((items, labels)),
        "tied": lambda: np.round(sigmoid(logits), 1),
        "saturated": lambda: sigmoid(logits * 20),
        "constant": lambda: np.full((items, labels), np.float32(0.3)),
        "one value a label": lambda: np.repeat(draw.random((1, labels)).astype(np.float32), items, axis=0),
        "two values": lambda: draw.integers(0, 2, (items, labels)).astype(np.float32),
        "neighbors": lambda: np.nextafter(np.float32(0.5), draw.integers(0, 2, (items, labels)).astype(np.float32)),
        "denormal": lambda: (draw.integers(0, 5, (items, labels)) * 1e-45).astype(np.float32),
        "signed zeros": lambda: np.where(draw.random((items, labels)) < 0.5, -0.0, 0.0).astype(np.float32),
    }[kind]()


KINDS = (
    "random",
    "double",
    "tied",
    "saturated",
    "constant",
    "one value a label",
    "two values",
    "neighbors",
    "denormal",
    "signed zeros",
)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_scikit_learn(kind, share):
    """Labels without positives and without negatives are among them, and single labels."""
    draw = np.random.default_rng(KINDS.index(kind))
    for items, labels in ((2, 1), (3, 4), (40, 1), (57, 6)):
        targets = (draw.random((items, labels)) < share).astype(np.float32)
        same(made(kind, draw, items, labels), targets)


@given(st.data())
def test_scores_of_anything_are_those_of_scikit_learn(data):
    items, labels = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 3))
    cells = items * labels
    value = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1, width=32)
    predictions = data.draw(st.lists(value, min_size=cells, max_size=cells))
    targets = data.draw(st.lists(st.sampled_from([0, 1]), min_size=cells, max_size=cells))
    same(*(np.array(values, np.float32).reshape(items, labels) for values in (predictions, targets)))


def test_a_large_split():
    draw = np.random.default_rng(0)
    targets = (draw.random((4170, 20)) < draw.random(20) ** 4).astype(np.float32)
    same(sigmoid(draw.normal(size=targets.shape) - 4 + 3 * targets), targets)


@pytest.mark.parametrize("piece", [1, 100, 150, 10**9])
def test_probes_together_are_probes_alone_whatever_the_pieces(monkeypatch, piece):
    monkeypatch.setattr(ranking, "PIECE", piece)
    draw = np.random.default_rng(0)
    targets = torch.from_numpy((draw.random((7, 50)) < 0.2).astype(np.float32))
    probes = torch.from_numpy(np.round(draw.random((5, 7, 50)), 1).astype(np.float32))
    together = Ranking(targets)
    for way in (together.average_precisions, together.areas):
        assert torch.equal(way(probes), torch.cat([way(probe[None]) for probe in probes]))
        strided = probes.transpose(1, 2).contiguous().transpose(1, 2)
        assert torch.equal(way(probes), way(strided))


def test_memory_is_bounded(monkeypatch):
    """No more rows are ranked at once than a piece holds."""
    rows, gather = [], torch.searchsorted
    monkeypatch.setattr(ranking, "PIECE", 300)
    monkeypatch.setattr(torch, "searchsorted", lambda keys, x, **way: rows.append(x.shape) or gather(keys, x, **way))
    Ranking(torch.ones(7, 50)).areas(torch.rand(5, 7, 50))
    assert set(rows) == {(6, 50), (5, 50)}
    assert len(rows) == 2 * -(-7 * 5 // 6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_probe_that_diverged_has_no_score_and_others_have(value):
    probes, targets = torch.rand(3, 2, 10), (torch.rand(2, 10) < 0.5).float()
    targets[:, 0], targets[:, 1] = 0, 1
    wanted = Ranking(targets).areas(probes)
    probes[1, 0, 3] = value
    for way in (Ranking(targets).areas, Ranking(targets).average_precisions):
        assert way(probes)[1].isnan().all()
        assert not way(probes)[[0, 2]].isnan().any()
    assert torch.equal(Ranking(targets).areas(probes)[[0, 2]], wanted[[0, 2]])


@pytest.mark.parametrize("name", [name for name, metric in metrics.METRICS.items() if metric.stacked])
def test_metrics_of_many_probes_are_those_of_each(name):
    draw = np.random.default_rng(0)
    y = np.eye(24, dtype=np.float32)[draw.integers(0, 24, 200)]
    probabilities = draw.random((4, 200, 24)).astype(np.float32)
    probabilities[3, 7, 2] = math.nan
    stacked = metrics.get(name).stacked(torch.from_numpy(y.T.copy()))
    found = stacked(torch.from_numpy(probabilities).mT.contiguous())
    assert found.dtype == torch.float64
    alone = [metrics.get(name).score(each, y)[name] for each in probabilities]
    np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("kind", [bool, np.int64, np.float64, np.float16])
def test_arrays_of_any_type(kind):
    predictions, targets = np.array([[1, 0], [0, 1], [1, 1]]), np.array([[1, 0], [0, 1], [0, 1]])
    predictions.flags.writeable = False
    for name in ("top1_acc", "mAP", "aucroc"):
        wanted = metrics.get(name).score(predictions.astype(np.float32), targets.astype(np.float32))
        assert metrics.get(name).score(predictions.astype(kind), targets.astype(kind)) == wanted
        assert metrics.get(name).score(predictions, targets) == wanted


def test_the_most_probable_label_is_numpys():
    """The first of equals, and NaN before all numbers."""
    draw = np.random.default_rng(0)
    predictions = np.round(draw.random((500, 6)), 1).astype(np.float32)
    predictions[draw.random((500, 6)) < 0.05] = math.nan
    y = np.eye(6)[draw.integers(0, 6, 500)]
    wanted = float(np.mean(predictions.argmax(1) == y.argmax(1)))
    assert metrics.get("top1_acc").score(predictions, y) == {"top1_acc": wanted}
