"""Folds are drawn whole by groups, evenly by labels, and the same by the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.tasks.prepare.folds import draw_folds, joined_groups, strata


@given(st.lists(st.lists(st.integers(0, 12), max_size=3), min_size=1, max_size=30))
def test_items_are_joined_exactly_by_chains_of_shared_keys(keys):
    found = joined_groups(keys)
    slow = list(range(len(keys)))  # labels that are passed on until nothing changes
    for _ in keys:
        for i, a in enumerate(keys):
            for j, b in enumerate(keys):
                if set(a) & set(b):
                    slow[i] = slow[j] = min(slow[i], slow[j])
    assert [[a == b for b in found] for a in found] == [[a == b for b in slow] for a in slow]


def test_strata_are_the_rarest_labels_that_folds_can_share():
    labels = [("a", "b"), ("a", "b"), ("a",), ("a",), ("a",), ("b",), (), ("c", "a")]
    assert strata(labels, 2) == ["b", "b", "a", "a", "a", "b", "a", "a"]


@given(st.lists(st.integers(0, 9), min_size=40, max_size=80), st.integers(3, 5), st.integers(0, 3))
def test_a_group_lies_in_one_fold_and_no_fold_is_empty(numbers, folds, seed):
    groups = np.array([*numbers, *range(10)])  # ten groups at least
    labels = [("ab"[i % 2],) for i in range(len(groups))]
    found = draw_folds(labels, groups, folds, seed)
    assert set(found) == set(range(folds))
    assert all(len(set(found[groups == group])) == 1 for group in set(groups))
    assert (found == draw_folds(labels, groups, folds, seed)).all()


def test_labels_are_spread_evenly_and_seeds_differ():
    labels = [(name,) for name in "a" * 50 + "b" * 25 + "c" * 10]
    found = draw_folds(labels, np.arange(85), 5, 0)
    for name, share in (("a", 10), ("b", 5), ("c", 2)):
        there = found[[label == (name,) for label in labels]]
        assert np.bincount(there, minlength=5).tolist() == [share] * 5
    assert (found != draw_folds(labels, np.arange(85), 5, 1)).any()


def test_too_few_groups_are_said():
    with pytest.raises(ValueError, match=r"3 folds can't be drawn of 2 groups"):
        draw_folds([("a",)] * 6, np.array([0, 0, 0, 1, 1, 1]), 3, 0)
