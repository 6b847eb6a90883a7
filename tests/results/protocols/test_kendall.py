import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

from results.protocols import kendall
from results.protocols.kendall import orders, tau_b

PAIRS = st.integers(2, 12).flatmap(lambda models: arrays(np.int64, (2, models), elements=st.integers(0, 5)))


@settings(max_examples=50)
@given(PAIRS)
def test_it_is_scipys_with_and_without_ties(scores):
    a, b = scores.astype(float)
    expected = kendalltau(a, b).statistic
    assert tau_b(orders(a), orders(b)) == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_many_at_once_are_one_by_one():
    a, b = np.random.default_rng(0).integers(0, 9, (2, 50, 7)).astype(float)
    together = tau_b(orders(a), orders(b))
    assert together == pytest.approx([kendalltau(*pair).statistic for pair in zip(a, b, strict=True)])


def test_many_models_do_not_overflow():
    scores = np.arange(300.0)
    assert tau_b(orders(scores), orders(scores)) == 1
    assert tau_b(orders(scores), orders(-scores)) == -1


@pytest.mark.parametrize("scores", [np.ones(4), np.ones(1), np.ones(0)], ids=["all tied", "one", "none"])
def test_where_nothing_is_ranked_it_is_not_defined(scores):
    assert np.isnan(tau_b(orders(scores), orders(np.arange(len(scores), dtype=float))))


def test_draws_are_taken_in_blocks_with_the_same_taus(monkeypatch):
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 9, (2, 50, 12)).astype(float)
    whole = kendall.tau_b(kendall.orders(a), kendall.orders(b))
    sizes = []
    monkeypatch.setattr(
        kendall, "orders", lambda scores, true=kendall.orders: sizes.append(len(scores)) or true(scores)
    )
    for most, largest in ((10**6, 50), (66 * 7, 7), (1, 1)):
        sizes.clear()
        monkeypatch.setattr(kendall, "MOST_ORDERS", most)
        np.testing.assert_array_equal(kendall.taus(a, b), whole)
        assert max(sizes) == largest
