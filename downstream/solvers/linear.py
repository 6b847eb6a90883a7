"""Linear probes by scikit-learn: ridge regression on the targets, and logistic regression."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from downstream.notices import warn_once
from downstream.solvers.solver import Predict, Solver

MOST_ITERATIONS = 1000  # of L-BFGS


def fit_ridge(x: np.ndarray, y: np.ndarray, settings: tuple[float, ...], prediction_type: str, device: str) -> Predict:
    """Fit ridge regression on the targets, which are 0 and 1; see `Solver.fit`.

    Predictions are not bounded to [0, 1]. The sums are float64, so that small penalties have an answer where features
    depend on one another.
    """
    wide = x.astype(np.float64)
    models = {alpha: Ridge(alpha=alpha).fit(wide, y) for alpha in settings}

    def predict(queries: np.ndarray) -> dict[float, np.ndarray]:
        values = queries.astype(np.float64)
        return {alpha: model.predict(values).reshape(len(values), -1) for alpha, model in models.items()}

    return predict


def fit_logistic(
    x: np.ndarray, y: np.ndarray, settings: tuple[float, ...], prediction_type: str, device: str
) -> Predict:
    """Fit logistic regression: multinomial for one label an item, else one model a label; see `Solver.fit`.

    A label that no training item has gets the probability 0, one that all have gets 1.
    """
    columns = _multinomial if prediction_type == "multiclass" else _one_a_label
    models = {c: columns(x, y, c) for c in settings}

    def predict(queries: np.ndarray) -> dict[float, np.ndarray]:
        return {c: probabilities(queries) for c, probabilities in models.items()}

    return predict


Probabilities = Callable[[np.ndarray], np.ndarray]
"""Features (items, dim) -> probabilities (items, labels)."""


def _multinomial(x: np.ndarray, y: np.ndarray, c: float) -> Probabilities:
    classes = y.argmax(axis=1)
    present = np.unique(classes)
    if len(present) == 1:
        return lambda queries: np.tile(np.eye(y.shape[1])[present[0]], (len(queries), 1))
    model = _fitted(x, classes, c)

    def probabilities(queries: np.ndarray) -> np.ndarray:
        values = np.zeros((len(queries), y.shape[1]))
        values[:, model.classes_] = model.predict_proba(queries)
        return values

    return probabilities


def _one_a_label(x: np.ndarray, y: np.ndarray, c: float) -> Probabilities:
    shares = y.mean(axis=0)
    models = [None if share in (0, 1) else _fitted(x, of_label, c) for share, of_label in zip(shares, y.T, strict=True)]

    def probabilities(queries: np.ndarray) -> np.ndarray:
        columns = [
            np.full(len(queries), share) if model is None else model.predict_proba(queries)[:, 1]
            for share, model in zip(shares, models, strict=True)
        ]
        return np.stack(columns, axis=1)

    return probabilities


def _fitted(x: np.ndarray, target: np.ndarray, c: float) -> LogisticRegression:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LogisticRegression(C=c, max_iter=MOST_ITERATIONS).fit(x, target)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        warn_once(f"logistic regression: C = {c:g} has not converged after {MOST_ITERATIONS} iterations")
    return model


RIDGE = Solver("alpha", (1e4, 1e3, 1e2, 1e1, 1e0, 1e-1, 1e-2), True, fit_ridge)
LOGISTIC = Solver("C", (1e-3, 1e-2, 1e-1, 1e0, 1e1), True, fit_logistic)
