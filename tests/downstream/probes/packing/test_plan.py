"""Which fits share a pack, from their sizes alone."""

import itertools
from dataclasses import replace

import pytest

from downstream.probes.packing.plan import LIVE, NEARLY, packs_of
from downstream.probes.packing.shape import LAUNCHES_S, Shape

ROOM = 50 << 30  # bytes, as on a large GPU
DIMS = (256, 768, 1295, 1536, 2048, 2590)
TASKS = {"opera": (140, 50, 4), "genre": (800, 100, 10), "speech": (100, 12, 2), "gunshot": (60, 14, 7)}
"""Training items, validation items and labels of tasks of one batch."""


def shape(source="a", dim=1295, labels=10, train=800, valid=100, kind="kind", **changes) -> Shape:
    return Shape(kind, source, dim, labels, train, valid, **changes)


def fits_of(source, count=4, **sizes) -> list[Shape]:
    """The fits of a grid on one source."""
    return [shape(source, lr=10.0**-rate, **sizes) for rate in range(count)]


def sizes_of(packs) -> list[int]:
    return sorted(map(len, packs))


def check(shapes, packs, budget=ROOM) -> None:
    """What holds of every plan."""
    assert sorted(itertools.chain(*packs)) == list(range(len(shapes)))
    for pack in packs:
        members = [shapes[number] for number in pack]
        assert len({member.kind for member in members}) == 1
        runs = [source for source, _ in itertools.groupby(member.source for member in members)]
        assert len(runs) == len(set(runs)), "the fits of a source follow each other"
        for _, run in itertools.groupby(members, key=lambda member: member.source):
            rates = [member.lr for member in run]
            assert rates == sorted(rates)
        widest = members[0]
        for member in members:
            widest = widest.padded(member)
        assert len(pack) == 1 or len(pack) * widest.probe_bytes <= budget
        assert len(runs) == 1 or len(runs) * widest.feature_bytes <= budget
        alone = sum(
            max(LAUNCHES_S, LIVE * sum(member.seconds for member in run))
            for _, run in itertools.groupby(members, key=lambda member: member.source)
        )
        together = max(LAUNCHES_S, LIVE * len(pack) * widest.seconds)
        assert together <= (1 + NEARLY) * alone, "padding takes less than launches"


def test_many_small_tasks_share_few_packs():
    shapes = [
        one
        for dim, (name, (train, valid, labels)) in itertools.product(DIMS, TASKS.items())
        for one in fits_of((dim, name), dim=dim, labels=labels, train=train, valid=valid)
    ]
    packs = packs_of(shapes, ROOM)
    check(shapes, packs)
    assert len(packs) <= len(DIMS) * len(TASKS) / 4


def test_equal_sizes_share_a_pack_whatever_they_cost():
    shapes = [one for source in range(30) for one in fits_of(source, train=1024, dim=4000)]
    packs = packs_of(shapes, ROOM)
    check(shapes, packs)
    assert packs == [[4 * source + place for source in range(30) for place in (3, 2, 1, 0)]]
    assert len(packs[0]) * shapes[0].seconds > 20 * LAUNCHES_S


def test_what_is_large_is_not_padded_by_half():
    """A task of full batches beside a narrow one of as many steps: padding would take longer than launches."""
    large, small = (fits_of(name, count=8, dim=dim, train=37_000, steps=36) for name, dim in (("a", 2590), ("b", 768)))
    packs = packs_of([*small, *large], ROOM)
    check([*small, *large], packs)
    assert sizes_of(packs) == [8, 8]


def test_fsd50k_and_esc10_are_apart():
    """They have other numbers of steps, and other losses."""
    fsd50k = fits_of("fsd50k", train=36_796, valid=4_170, labels=200, steps=36, kind=("multilabel", 36, 5))
    esc10 = fits_of("esc10", train=240, valid=80, labels=10, kind=("multiclass", 1, 1))
    assert sizes_of(packs_of([*fsd50k, *esc10], ROOM)) == [4, 4]


def test_a_small_task_joins_the_pack_where_it_adds_least():
    wide, narrow = fits_of("wide", count=8, dim=4000), fits_of("narrow", count=8, dim=300)
    small = fits_of("small", count=2, dim=280, train=200)
    shapes = [*wide, *narrow, *small]
    packs = packs_of(shapes, ROOM)
    check(shapes, packs)
    (pack,) = (pack for pack in packs if 16 in pack)
    assert 8 in pack


@pytest.mark.parametrize("probes", [1, 2, 3, 5, 100])
def test_packs_stay_within_the_memory_as_padded(probes):
    """The budget has room for so many probes of the largest sizes."""
    shapes = [
        one
        for dim, labels in ((300, 50), (200, 80), (250, 10))
        for one in fits_of(dim, dim=dim, labels=labels, train=90)
    ]
    most = shapes[0]
    for one in shapes:
        most = most.padded(one)
    budget = probes * most.probe_bytes
    packs = packs_of(shapes, budget)
    check(shapes, packs, budget)
    assert max(map(len, packs)) >= min(probes, 4)
    assert len(packs) == 1 or probes < 100


def test_features_that_do_not_fit_beside_each_other_are_apart():
    """A pack keeps the features of all its sources prepared, or of none."""
    one = shape(dim=300, train=1024)
    budget = 100 * one.probe_bytes
    for kept in (1, 2, 3):
        items = budget // kept // (2 * 4 * (one.dim + 2 * one.labels))  # to train and to validate on
        shapes = [fit for source in "abc" for fit in fits_of(source, count=2, dim=300, train=items, valid=items)]
        packs = packs_of(shapes, budget)
        check(shapes, packs, budget)
        assert max(map(len, packs)) == 2 * kept
    shuffled = [replace(fit, train_items=10**9, resident=False) for fit in shapes]
    assert len(packs_of(shuffled, budget)) == 1, "read anew in every epoch, whatever the memory"


def test_the_fits_of_a_source_that_do_not_fit_are_divided():
    shapes = fits_of("a", count=7)
    assert packs_of(shapes, 3 * shapes[0].probe_bytes) == [[6, 5, 4], [3, 2, 1], [0]]
    assert packs_of(shapes, 1) == [[number] for number in (6, 5, 4, 3, 2, 1, 0)]
    assert packs_of([], 1) == []


def test_a_step_takes_more_with_every_size():
    """Twice the features are twice the products and parameters of a probe without hidden layers."""
    one = shape(hidden_layers=0, dim=1000, labels=10, train=100)
    assert replace(one, dim=2000).seconds == pytest.approx(2 * one.seconds)
    assert replace(one, train_items=200, steps=2).seconds == pytest.approx(one.seconds)
    for change in ({"labels": 11}, {"train_items": 101}, {"hidden_layers": 1}):
        assert replace(one, **change).seconds > one.seconds
    hidden = shape(hidden_layers=2)
    assert replace(hidden, hidden_layers=3).probe_bytes > hidden.probe_bytes > replace(hidden, dim=1).probe_bytes
