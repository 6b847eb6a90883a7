"""Linear CKA: equal to the definition with whole matrices, its invariances, its null."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.representation import similarity
from ablations.representation.similarity import linear_cka, shuffles, similarities, why_singular

STREAM = np.random.default_rng(0)


def by_definition(x: np.ndarray, y: np.ndarray, debiased: bool) -> float:
    """CKA of whole kernels, neither centered features nor any shortcut: Gretton et al. 2005, Song et al. 2012."""
    n, one = len(x), np.ones(len(x))
    center = np.eye(n) - np.full((n, n), 1 / n)

    def hsic(k: np.ndarray, of_l: np.ndarray) -> float:
        if not debiased:
            return np.trace(k @ center @ of_l @ center) / (n - 1) ** 2
        k, of_l = k - np.diag(np.diag(k)), of_l - np.diag(np.diag(of_l))
        sums = (one @ k @ one) * (one @ of_l @ one) / ((n - 1) * (n - 2))
        return (np.trace(k @ of_l) + sums - 2 / (n - 2) * (one @ k @ of_l @ one)) / (n * (n - 3))

    k, of_l = x @ x.T, y @ y.T
    return hsic(k, of_l) / math.sqrt(hsic(k, k) * hsic(of_l, of_l))


def related(n: int, dim_x: int, dim_y: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two embeddings that share some directions, each with a mean that is far from 0."""
    stream = np.random.default_rng(seed)
    x = stream.normal(size=(n, dim_x))
    return x + 5, x[:, :3] @ stream.normal(size=(3, dim_y)) + stream.normal(size=(n, dim_y)) - 2


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("shape", [(60, 5, 7), (20, 100, 300), (30, 4, 200), (5, 3, 3)])
def test_cka_is_that_of_the_definition(shape, debiased, monkeypatch):
    monkeypatch.setattr(similarity, "BLOCK", 7)
    x, y = related(*shape)
    assert linear_cka(x, y, debiased=debiased) == pytest.approx(by_definition(x, y, debiased), abs=1e-9)


@given(st.integers(4, 12), st.integers(1, 6), st.integers(1, 6), st.integers(0, 999))
def test_both_forms_of_the_product_agree(n, dim_x, dim_y, seed):
    x, y = related(n, max(3, dim_x), dim_y, seed)
    assert linear_cka(x, y) == pytest.approx(by_definition(x, y, True), abs=1e-9)


@pytest.mark.parametrize("debiased", [True, False])
def test_rotation_scale_and_mean_change_nothing(debiased):
    x, y = related(40, 6, 9)
    rotation, _ = np.linalg.qr(STREAM.normal(size=(6, 6)))
    turned = -7 * x @ rotation + STREAM.normal(size=6)
    assert linear_cka(turned, y, debiased=debiased) == pytest.approx(linear_cka(x, y, debiased=debiased), abs=1e-9)
    assert linear_cka(x, turned, debiased=debiased) == pytest.approx(1, abs=1e-9)


def test_the_debiased_form_of_unrelated_embeddings_is_near_0():
    pairs = [(STREAM.normal(size=(40, 100)), STREAM.normal(size=(40, 100))) for _ in range(30)]
    debiased, biased = (np.mean([linear_cka(x, y, debiased=form) for x, y in pairs]) for form in (True, False))
    assert abs(debiased) < 0.01
    assert biased > 0.5


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.full((9, 4), 0.1, np.float32), "the embedding is the same for all clips"),
        (np.zeros((9, 4)), "the embedding is the same for all clips"),
        (np.eye(9), "without its diagonal nothing is left"),
        (np.eye(3), "3 clips, at least 4"),
    ],
)
def test_a_singular_kernel_has_no_cka_and_a_reason(x, reason):
    y = STREAM.normal(size=(len(x), 5))
    assert math.isnan(linear_cka(x, y))
    assert math.isnan(linear_cka(y, x))
    assert reason in why_singular(x)
    (pair,) = similarities([x[None], y[None]], np.arange(len(x)), permutations=9)
    assert reason in pair.reason
    assert math.isnan(pair.cka)
    assert math.isnan(pair.p)


def test_pairs_are_those_of_linear_cka_also_of_shuffled_units():
    embeddings = [STREAM.normal(size=(1, 30, dim)) + 1 for dim in (4, 50)]
    embeddings.append(embeddings[0] @ STREAM.normal(size=(4, 6)))
    units = STREAM.permutation(np.repeat(np.arange(10), 3))
    found = similarities(embeddings, units, permutations=5, seed=3)
    assert [(pair.a, pair.b) for pair in found] == [(0, 1), (0, 2), (1, 2)]
    order = np.argsort(units, kind="stable")
    for pair in found:
        x, y = embeddings[pair.a][0], embeddings[pair.b][0]
        assert pair.cka == pytest.approx(linear_cka(x, y), abs=1e-9)
        assert pair.biased_cka == pytest.approx(linear_cka(x, y, debiased=False), abs=1e-9)
        x, y = x[order], y[order]
        orders = shuffles(units[order], 5, 3)
        null = [[linear_cka(x, y[shuffled], debiased=form) for shuffled in orders] for form in (True, False)]
        assert [pair.null, pair.biased_null] == pytest.approx(np.mean(null, axis=1), abs=1e-9)
        assert pair.p == (1 + sum(value >= pair.cka - 1e-10 for value in null[0])) / 6


def test_hsic_is_averaged_over_draws_before_the_ratio():
    x, y = STREAM.normal(size=(3, 20, 4)), STREAM.normal(size=(3, 20, 5))
    (pair,) = similarities([x, y], np.arange(20), permutations=0)
    hsic = {
        name: np.mean([similarity._hsic(a, b)[0] for a, b in zip(*pair, strict=True)])
        for name, pair in {"xy": (x, y), "xx": (x, x), "yy": (y, y)}.items()
    }
    assert pair.cka == pytest.approx(hsic["xy"] / math.sqrt(hsic["xx"] * hsic["yy"]), abs=1e-12)
    assert math.isnan(pair.p)


def test_shuffles_keep_units_together():
    units = np.array([0, 0, 1, 2, 2, 2])
    for order in shuffles(units, 20, 0):
        assert sorted(order) == list(range(6))
        shuffled = units[order]
        assert np.count_nonzero(np.diff(shuffled)) == 2, "three stretches, one a unit"


def p_values(units: np.ndarray, blocks: bool) -> np.ndarray:
    """p of many pairs of unrelated embeddings whose clips are alike within units."""
    found = []
    for seed in range(60):
        stream = np.random.default_rng(seed)
        embeddings = [
            stream.normal(size=(units.max() + 1, 3))[units][None] + 0.3 * stream.normal(size=(1, len(units), 3))
            for _ in range(2)
        ]
        shuffled = units if blocks else np.arange(len(units))
        found += [pair.p for pair in similarities(embeddings, shuffled, permutations=39, seed=seed)]
    return np.array(found)


def test_p_of_unrelated_embeddings_is_uniform_if_units_are_shuffled_whole():
    units = np.repeat(np.arange(12), 4)
    p = p_values(units, blocks=True)
    assert 0.3 < p.mean() < 0.7
    assert (p <= 0.1).mean() < 0.25
    assert (p_values(units, blocks=False) <= 0.1).mean() > 0.4, "single clips would find what is not there"


def test_one_unit_has_no_null():
    (pair,) = similarities([STREAM.normal(size=(1, 9, 3)) for _ in range(2)], np.zeros(9, int))
    assert not math.isnan(pair.cka)
    assert math.isnan(pair.null)
    assert math.isnan(pair.p)
