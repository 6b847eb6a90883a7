import numpy as np
import pytest

from downstream.probes.features import Concatenated, MappedFeatures, ProbeData, Standardized, first_bad_item, statistics


@pytest.fixture
def sides():
    return np.arange(10.0, dtype=np.float32).reshape(5, 2), 100 + np.arange(5.0, dtype=np.float32).reshape(5, 1)


def test_rows_are_read_side_by_side(sides):
    rows = MappedFeatures(sides, np.array([4, 0, 2]))
    assert rows.shape == (3, 3)
    assert rows[0:2].tolist() == [[8, 9, 104], [0, 1, 100]]
    assert rows[np.array([2, 0])].tolist() == [[4, 5, 102], [8, 9, 104]]


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 2, 1], [1, 3, 2], [0, 1, 1, 3], [2], []])
def test_rows_in_one_piece_are_those_of_their_numbers(sides, order):
    numbers = np.array(order, dtype=int)
    assert np.array_equal(MappedFeatures(sides, numbers)[:], np.hstack(sides)[numbers])


def test_parts_are_read_one_after_the_other(sides):
    rows, whole = MappedFeatures(sides, np.array([4, 0, 2])), np.hstack(sides)
    concatenated = Concatenated([rows, whole])
    wanted = np.concatenate([rows[:], whole])
    assert concatenated.shape == (8, 3)
    assert np.array_equal(concatenated[0:8], wanted)
    assert np.array_equal(concatenated[2:5], wanted[2:5])
    assert np.array_equal(concatenated[3:3], wanted[3:3])
    some = np.array([7, 0, 3, 2, 2])
    assert np.array_equal(concatenated[some], wanted[some])


def test_standardized_features():
    x = np.random.default_rng(0).normal(3, 5, size=(1000, 4)).astype(np.float32)
    x[:, 2] = 7
    mean, std = statistics(x)
    assert mean == pytest.approx(x.astype(np.float64).mean(axis=0))
    assert std == pytest.approx(x.astype(np.float64).std(axis=0), abs=1e-9)
    found = Standardized(x, mean, std)[:]
    assert found.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-5)
    assert found.std(axis=0) == pytest.approx([1, 1, 0, 1], abs=1e-5)


def test_the_first_row_that_is_not_finite():
    x = np.zeros((300_000, 16), np.float32)  # several pieces
    assert first_bad_item(x) is None
    x[299_999, 3] = np.inf
    assert first_bad_item(x) == 299_999
    x[270_000, 0] = np.nan
    assert first_bad_item(x) == 270_000


def numbers(data: ProbeData, size: int, epoch: int = 0, training: bool = True) -> list[list[int]]:
    return [np.arange(len(data.y))[rows].tolist() for rows in data.batches(size, epoch, training=training)]


def test_batches_keep_the_order_and_the_last_smaller_one():
    data = ProbeData(np.zeros((7, 2)), np.zeros((7, 1)))
    assert numbers(data, 4) == numbers(data, 4, epoch=3) == [[0, 1, 2, 3], [4, 5, 6]]


def test_a_last_batch_of_one_item_is_left_out_of_training_alone():
    data = ProbeData(np.zeros((5, 2)), np.zeros((5, 1)))
    assert numbers(data, 4) == [[0, 1, 2, 3]]
    assert numbers(data, 4, training=False) == [[0, 1, 2, 3], [4]]


def test_shuffled_batches_are_a_function_of_seed_and_epoch():
    data, other = (ProbeData(np.zeros((50, 2)), np.zeros((50, 1)), shuffle=seed) for seed in (0, 1))
    first = numbers(data, 20)
    assert sorted(number for batch in first for number in batch) == list(range(50))
    assert first == numbers(data, 20)
    assert first != numbers(data, 20, epoch=1)
    assert first != numbers(other, 20)
