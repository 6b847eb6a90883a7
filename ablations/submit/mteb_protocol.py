"""The evaluation of mteb's classification tasks that have one split: few clips a label, five shuffled folds.

A logistic regression is fitted to 8 clips of each label, drawn from the training part of each of 5 folds, over which
the clips are divided at random; the score is the mean accuracy over folds. Folds know no groups: clips of one recording
may be on both sides. Read from mteb 2.26.24, `AbsTaskClassification` with `is_cross_validation`; with the same
embeddings in the same order the numbers are those of the package (`make mteb`).
"""

import warnings
from collections import Counter

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import KFold

VERSION = "2.26.24"
"""Of mteb, which this was read from and is checked with."""
SEED = 42
FOLDS = 5
CLIPS_A_LABEL = 8
MOST_ITERATIONS = 100
AVERAGED = {"f1": f1_score, "precision": precision_score, "recall": recall_score}


def evaluate(embeddings: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Score embeddings, fold by fold.

    Args:
        embeddings: (clips, dim) float32.
        labels: (clips,) the number of the label of each.

    Returns:
        For each fold accuracy, and f1, precision and recall as means over labels, and weighted by their clips.

    Raises:
        ValueError: fewer clips than folds.
    """
    order: list[int] | None = None
    scores = []
    for train, test in KFold(FOLDS, shuffle=True, random_state=SEED).split(embeddings):
        order = list(range(len(train))) if order is None else order
        np.random.RandomState(SEED).shuffle(order)  # mteb shuffles the order of the fold before
        drawn = train[_first_of_each(labels[train], order)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few iterations, and of labels that are never predicted
            probe = LogisticRegression(max_iter=MOST_ITERATIONS, random_state=SEED)
            predicted = probe.fit(embeddings[drawn], labels[drawn]).predict(embeddings[test])
            scores.append(_scores(labels[test], predicted))
    return scores


def _first_of_each(labels: np.ndarray, order: list[int]) -> list[int]:
    """Take the first clips of each label in an order."""
    taken: Counter[int] = Counter()
    places = []
    for place in order:
        if taken[labels[place]] < CLIPS_A_LABEL:
            places.append(place)
            taken[labels[place]] += 1
    return places


def _scores(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    scores = {"accuracy": float(accuracy_score(labels, predicted))}
    for name, metric in AVERAGED.items():
        scores[name] = float(metric(labels, predicted, average="macro"))
        scores[f"{name}_weighted"] = float(metric(labels, predicted, average="weighted"))
    return scores
