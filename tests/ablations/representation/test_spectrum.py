"""Dimensions of known spectra, uniformity of known points."""

import math

import numpy as np
import pytest

from ablations.representation import spectrum
from ablations.representation.spectrum import components, effective_rank, participation_ratio, uniformity, variances

STREAM = np.random.default_rng(0)


def rows_of(values: list[float], rows: int = 50, dim: int = 8) -> np.ndarray:
    """Rows whose variances along their principal directions are some values."""
    scores = STREAM.normal(size=(rows, len(values)))
    left, _ = np.linalg.qr(scores - scores.mean(axis=0))
    right, _ = np.linalg.qr(STREAM.normal(size=(dim, len(values))))
    return left * np.sqrt(np.array(values) * (rows - 1)) @ right.T + 3


@pytest.mark.parametrize("values", [[4.0], [2.0, 2.0, 2.0], [9.0, 4.0, 1.0]])
def test_dimensions_of_a_known_spectrum(values):
    found = variances(rows_of(values))
    assert found[: len(values)] == pytest.approx(values)
    assert found[len(values) :] == pytest.approx(0, abs=1e-12)
    shares = np.sqrt(values) / np.sqrt(values).sum()
    assert effective_rank(found) == pytest.approx(math.exp(-sum(shares * np.log(shares))), rel=1e-6)
    assert participation_ratio(found) == pytest.approx(sum(values) ** 2 / sum(np.square(values)))


def test_equal_variances_count_as_many():
    found = np.full(7, 0.3)
    assert effective_rank(found) == pytest.approx(7)
    assert participation_ratio(found) == pytest.approx(7)
    assert [components(found, share / 7) for share in range(1, 8)] == [1, 2, 3, 4, 5, 6, 7]


def test_components_reach_the_share():
    assert [components(np.array([6.0, 3.0, 1.0]), share) for share in (0.5, 0.9, 0.95, 0.99)] == [1, 2, 3, 3]


def test_an_embedding_that_is_the_same_for_all_clips_has_no_dimensions():
    found = variances(np.full((9, 4), 0.1, np.float32))
    assert len(found) == 0
    assert math.isnan(effective_rank(found))
    assert math.isnan(participation_ratio(found))
    assert math.isnan(components(found, 0.9))


def test_uniformity_of_known_points():
    assert uniformity(np.array([[1.0, 1.0], [2.0, 2.0], [0.5, 0.5]])) == pytest.approx(0), "one direction"
    assert uniformity(np.array([[3.0, 0.0], [-1.0, 0.0]])) == pytest.approx(-8), "opposite: a distance of 2"
    three = [2, 2, 4]  # squared distances of two directions at right angles to a third, and opposite to one another
    expected = math.log(sum(math.exp(-2 * distance) for distance in three) / 3)
    assert uniformity(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 5.0]])) == pytest.approx(expected)
    assert math.isnan(uniformity(np.array([[1.0, 0.0], [0.0, 0.0]]))), "0 has no direction"


def test_drawn_pairs_are_of_different_rows_and_come_near_all(monkeypatch):
    rows = STREAM.normal(size=(200, 3))
    exact = uniformity(rows)
    monkeypatch.setattr(spectrum, "PAIRS", 10_000)
    first, second = spectrum._pairs(200, 0)
    assert (first != second).all()
    assert uniformity(rows) == pytest.approx(exact, abs=0.05)
    assert uniformity(rows) == uniformity(rows)
    assert uniformity(rows) != uniformity(rows, seed=1)
