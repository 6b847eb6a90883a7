"""Linear probes by scikit-learn: ridge regression on the targets, and logistic regression."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from downstream.notices import warn_once
from downstream.solvers.solver import Solved, Solver, Weights

MOST_ITERATIONS = 1000  # of L-BFGS

Predictions = Callable[[np.ndarray], np.ndarray]
"""Features (items, dim) -> predictions (items, labels)."""


def fit_ridge(x: np.ndarray, y: np.ndarray, settings: tuple[float, ...], prediction_type: str, device: str) -> Solved:
    """Fit ridge regression on the targets, which are 0 and 1; see `Solver.fit`.

    Predictions are not bounded to [0, 1]. The sums are float64, so that small penalties have an answer where features
    depend on one another.
    """
    wide = x.astype(np.float64)
    models = {alpha: Ridge(alpha=alpha).fit(wide, y) for alpha in settings}

    def weights(alpha: float) -> Weights:
        return {"coef": np.atleast_2d(models[alpha].coef_), "intercept": np.atleast_1d(models[alpha].intercept_)}

    return Solved(lambda queries: {alpha: _ridge(model)(queries) for alpha, model in models.items()}, weights)


def restored_ridge(weights: Weights) -> Predictions:
    """Make the predictions of a fitted ridge regression from its weights."""
    model = Ridge()
    model.coef_, model.intercept_ = weights["coef"], weights["intercept"]
    return _ridge(model)


def _ridge(model: Ridge) -> Predictions:
    return lambda queries: model.predict(queries.astype(np.float64)).reshape(len(queries), -1)


def fit_logistic(
    x: np.ndarray, y: np.ndarray, settings: tuple[float, ...], prediction_type: str, device: str
) -> Solved:
    """Fit logistic regression: multinomial for one label an item, else one model a label; see `Solver.fit`.

    A label that no training item has gets the probability 0, one that all have gets 1.
    """
    weights_of = _multinomial if prediction_type == "multiclass" else _one_a_label
    weights = {c: weights_of(x, y, c) for c in settings}
    models = {c: restored_logistic(values) for c, values in weights.items()}
    return Solved(lambda queries: {c: probabilities(queries) for c, probabilities in models.items()}, weights.get)


def restored_logistic(weights: Weights) -> Predictions:
    """Make the probabilities of a fitted logistic regression from its weights.

    Args:
        weights: of `_multinomial`, which have `classes`, or of `_one_a_label`, which have `shares`.
    """
    return _of_classes(weights) if "classes" in weights else _of_each_label(weights)


def _multinomial(x: np.ndarray, y: np.ndarray, c: float) -> Weights:
    """Fit one model of all labels.

    Returns:
        coef and intercept of the labels in `classes` (of two, of their difference; of one, none), and how many labels
        there are.
    """
    classes = y.argmax(axis=1)
    present, labels = np.unique(classes), np.array([y.shape[1]])
    if len(present) == 1:
        nothing = {"coef": np.zeros((0, x.shape[1]), np.float32), "intercept": np.zeros(0, np.float32)}
        return {**nothing, "classes": present, "labels": labels}
    model = _fitted(x, classes, c)
    return {"coef": model.coef_, "intercept": model.intercept_, "classes": model.classes_, "labels": labels}


def _of_classes(weights: Weights) -> Predictions:
    classes, labels = weights["classes"], int(weights["labels"][0])
    if len(classes) == 1:
        return lambda queries: np.tile(np.eye(labels)[classes[0]], (len(queries), 1))
    model = _restored(weights["coef"], weights["intercept"], classes)

    def probabilities(queries: np.ndarray) -> np.ndarray:
        values = np.zeros((len(queries), labels))
        values[:, classes] = model.predict_proba(queries)
        return values

    return probabilities


def _one_a_label(x: np.ndarray, y: np.ndarray, c: float) -> Weights:
    """Fit a model a label.

    Returns:
        coef and intercept of every label, which are 0 where there was nothing to fit, and the shares of items that have
        it: 0 or 1 there.
    """
    shares = y.mean(axis=0)
    fitted = {label: _fitted(x, of_label, c) for label, of_label in enumerate(y.T) if shares[label] not in (0, 1)}
    coef = np.zeros((len(shares), x.shape[1]), next((one.coef_.dtype for one in fitted.values()), np.dtype(np.float32)))
    intercept = np.zeros(len(shares), coef.dtype)
    for label, model in fitted.items():
        coef[label], intercept[label] = model.coef_[0], model.intercept_[0]
    return {"coef": coef, "intercept": intercept, "shares": shares}


def _of_each_label(weights: Weights) -> Predictions:
    shares, classes = weights["shares"], np.array([0.0, 1.0], np.float32)
    models = [
        _restored(coef[None], intercept[None], classes)
        for coef, intercept in zip(weights["coef"], weights["intercept"], strict=True)
    ]

    def probabilities(queries: np.ndarray) -> np.ndarray:
        columns = [
            np.full(len(queries), share) if share in (0, 1) else model.predict_proba(queries)[:, 1]
            for share, model in zip(shares, models, strict=True)
        ]
        return np.stack(columns, axis=1)

    return probabilities


def _restored(coef: np.ndarray, intercept: np.ndarray, classes: np.ndarray) -> LogisticRegression:
    model = LogisticRegression()
    model.coef_, model.intercept_, model.classes_ = coef, intercept, classes
    return model


def _fitted(x: np.ndarray, target: np.ndarray, c: float) -> LogisticRegression:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LogisticRegression(C=c, max_iter=MOST_ITERATIONS).fit(x, target)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        warn_once(f"logistic regression: C = {c:g} has not converged after {MOST_ITERATIONS} iterations")
    return model


RIDGE = Solver("alpha", (1e4, 1e3, 1e2, 1e1, 1e0, 1e-1, 1e-2), True, fit_ridge, restored=restored_ridge)
LOGISTIC = Solver("C", (1e-3, 1e-2, 1e-1, 1e0, 1e1), True, fit_logistic, restored=restored_logistic)
