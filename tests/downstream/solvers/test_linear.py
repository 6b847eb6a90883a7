import logging

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from downstream.notices import warn_once
from downstream.solvers import linear
from tests.downstream.solvers.test_nearest import made


def test_ridge_is_scikit_learns():
    x, y = made(80, 10, 4)
    predictions = linear.fit_ridge(x, y, (100.0, 0.01), "multiclass", "cpu")(x)
    for alpha in (100.0, 0.01):
        assert np.array_equal(predictions[alpha], Ridge(alpha=alpha).fit(x.astype(float), y).predict(x.astype(float)))


@pytest.mark.parametrize("copies", [1, 2])
def test_ridge_has_an_answer_where_features_depend_on_one_another(copies):
    x, y = made(12, 10, 3)
    x = np.hstack([x] * copies + [np.zeros((12, 1), np.float32)])
    predictions = linear.fit_ridge(x, y, linear.RIDGE.grid, "multiclass", "cpu")(x)
    assert all(np.isfinite(values).all() for values in predictions.values())


def test_one_label_keeps_its_axis():
    x, y = made(12, 3, 2)
    assert linear.fit_ridge(x, y[:, :1], (1.0,), "multilabel", "cpu")(x)[1.0].shape == (12, 1)


def test_logistic_is_scikit_learns():
    x, y = made(80, 10, 4)
    probabilities = linear.fit_logistic(x, y, (0.1,), "multiclass", "cpu")(x)[0.1]
    model = LogisticRegression(C=0.1, max_iter=linear.MOST_ITERATIONS).fit(x, y.argmax(1))
    assert np.array_equal(probabilities, model.predict_proba(x))
    probabilities = linear.fit_logistic(x, y, (0.1,), "multilabel", "cpu")(x)[0.1]
    for label in range(4):
        model = LogisticRegression(C=0.1, max_iter=linear.MOST_ITERATIONS).fit(x, y[:, label])
        assert np.array_equal(probabilities[:, label], model.predict_proba(x)[:, 1])


def test_labels_that_training_has_not_or_always_has():
    x, y = made(30, 5, 3)
    y[:, 0], y[:, 1] = 0, 1
    probabilities = linear.fit_logistic(x, y, (1.0,), "multilabel", "cpu")(x)[1.0]
    assert (probabilities[:, 0] == 0).all()
    assert (probabilities[:, 1] == 1).all()
    x, y = made(30, 5, 3)
    probabilities = linear.fit_logistic(x[y[:, 1] == 0], y[y[:, 1] == 0], (1.0,), "multiclass", "cpu")(x)[1.0]
    assert (probabilities[:, 1] == 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1)
    alone = y[:, 1] == 1
    assert (linear.fit_logistic(x[alone], y[alone], (1.0,), "multiclass", "cpu")(x)[1.0] == [0, 1, 0]).all()


def test_a_fit_that_has_not_converged_is_said(monkeypatch, caplog):
    warn_once.cache_clear()
    monkeypatch.setattr(linear, "MOST_ITERATIONS", 1)
    x, y = made(30, 5, 3)
    with caplog.at_level(logging.WARNING):
        linear.fit_logistic(x, y, (10.0,), "multiclass", "cpu")
    assert "C = 10 has not converged after 1 iterations" in caplog.text
