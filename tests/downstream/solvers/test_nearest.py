import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from downstream.solvers import nearest


def made(items: int, dim: int, labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = np.eye(labels, dtype=np.float32)[draw.integers(0, labels, items)]
    return draw.standard_normal((items, dim), dtype=np.float32) + y @ draw.standard_normal((labels, dim)), y


@pytest.mark.parametrize("k", [1, 2, 5, 20])
def test_shares_are_scikit_learns(k):
    x, y = made(200, 12, 4)
    queries, _ = made(63, 12, 4, seed=1)
    model = KNeighborsClassifier(k, metric="cosine").fit(x, y.argmax(1))
    shares = nearest.fit(x, y, (1, 2, 5, 20), "multiclass", "cpu")(queries)[k]
    assert np.allclose(shares, model.predict_proba(queries), atol=1e-6)


def test_labels_of_several_classes_have_shares_of_their_own():
    x = np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)
    y = np.array([[1, 1], [1, 0], [0, 0]], np.float32)
    shares = nearest.fit(x, y, (2,), "multilabel", "cpu")(np.array([[2, 0]], np.float32))[2]
    assert shares.tolist() == [[1.0, 0.5]]


def test_blocks_change_nothing(monkeypatch):
    x, y = made(50, 6, 3)
    whole = nearest.fit(x, y, (1, 5), "multiclass", "cpu")(x)
    monkeypatch.setattr(nearest, "BLOCK_BYTES", 1)
    for k, shares in nearest.fit(x, y, (1, 5), "multiclass", "cpu")(x).items():
        assert np.array_equal(shares, whole[k])


def test_a_row_of_zeros_has_no_direction():
    x, y = made(20, 6, 3)
    shares = nearest.fit(x, y, (20,), "multiclass", "cpu")(np.zeros((1, 6), np.float32))[20]
    assert np.allclose(shares, y.mean(axis=0))


def test_the_grid_is_cut_to_the_training_items():
    assert nearest.NEAREST.settings(7) == (1, 2, 5)
    assert nearest.NEAREST.settings(1000) == nearest.NEAREST.grid
