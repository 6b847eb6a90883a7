"""Poolings that learn nothing."""

import numpy as np
import pytest

from downstream.pooling import fixed
from downstream.probes import features
from downstream.probes.features import Concatenated, MappedFeatures, Pooled

PARTS, WIDTH = 5, 4


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(30, PARTS * WIDTH)).astype(np.float32)


def pooled(x, name: str) -> Pooled:
    pool, widening = fixed.POOLS[name]
    return Pooled(x, PARTS, pool, widening * WIDTH)


def test_mean_and_meanmax(x):
    parts = [x[:, part * WIDTH : (part + 1) * WIDTH] for part in range(PARTS)]
    mean = np.mean(parts, axis=0, dtype=np.float64).astype(np.float32)
    assert np.array_equal(pooled(x, "mean")[:], mean)
    both = pooled(x, "meanmax")
    assert both.shape == (30, 2 * WIDTH)
    assert np.array_equal(both[:], np.hstack([mean, np.maximum.reduce(parts)]))
    assert both[:].dtype == np.float32


@pytest.mark.parametrize("items", [slice(3, 20), slice(5, 5), np.array([7, 2, 9]), slice(None, None, 2)])
@pytest.mark.parametrize("piece", [1, 200, 1 << 24])
def test_the_items_that_are_asked_for_piece_by_piece(x, items, piece, monkeypatch):
    monkeypatch.setattr(features, "PIECE_BYTES", piece)
    several = Concatenated([MappedFeatures([x[:, :7], x[:, 7:]], np.arange(20)), x[20:]])
    wanted = pooled(x, "meanmax")[:][items]
    assert np.array_equal(pooled(several, "meanmax")[items], wanted)


def test_one_part_is_its_own_mean(x):
    assert np.array_equal(fixed.mean(x[:, None]), x)
    assert np.array_equal(fixed.meanmax(x[:, None]), np.hstack([x, x]))


def test_a_piece_that_is_read_is_bounded(monkeypatch):
    """However few bytes the pooled items have."""
    read = []

    class Wide:
        shape = (1000, PARTS * 100)

        def __getitem__(self, items):
            read.append(len(items))
            return np.zeros((len(items), self.shape[1]), np.float32)

    monkeypatch.setattr(features, "PIECE_BYTES", 200 * PARTS * 100 * 4)
    assert not features.Pooled(Wide(), PARTS, fixed.mean, 100)[:].any()
    assert read == [200] * 5
