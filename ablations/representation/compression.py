"""Smaller forms of an embedding, and the scores of probes of them.

A form is fitted to the training splits of a fold, and applied to all splits of that fold. Probes take the values that
are read back of it, in float32.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from downstream.disk.memory import check_memory
from downstream.evaluate import evaluate
from downstream.fold_result import FoldResult
from downstream.probes.features import Features, Selector, pieces, statistics
from downstream.splits import LabelledSplit, concatenated
from downstream.tasks.task import Fold, Task

WHOLE = "float32"
"""The form that changes nothing."""
LEVELS = 255  # steps of a byte
NOTHING = 1e-10
"""Share of the largest variance below which a principal direction holds rounding errors alone."""


class Truncated:
    """Features as they are read back of their first principal components.

    They keep their width: on components themselves, probes would differ in learning rate and scaling, too.

    Args:
        x: (items, dim).
        mean: (dim,) of the training items.
        directions: (dim, components).
    """

    def __init__(self, x: Features, mean: np.ndarray, directions: np.ndarray) -> None:
        self.x, self.mean, self.directions = x, mean.astype(np.float32), directions.astype(np.float32)
        self.shape = x.shape

    def components(self, items: Selector) -> np.ndarray:
        """What would be stored: (items, components) float32."""
        stored: np.ndarray = (self.x[items] - self.mean) @ self.directions
        return stored

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        values: np.ndarray = self.mean + self.components(items) @ self.directions.T
        return values


class Quantized:
    """Features that were rounded to 256 values a dimension; values outside the training range are cut off.

    Within the range no value moves by more than half a step.

    Args:
        x: (items, dim).
        low, high: (dim,) the range of the training items.
    """

    def __init__(self, x: Features, low: np.ndarray, high: np.ndarray) -> None:
        self.x, self.low, self.step = x, low.astype(np.float64), (high.astype(np.float64) - low) / LEVELS
        self.shape = x.shape

    def codes(self, items: Selector) -> np.ndarray:
        """What would be stored: (items, dim) uint8."""
        steps = (self.x[items] - self.low) / np.where(self.step > 0, self.step, 1)
        return np.clip(np.rint(steps), 0, LEVELS).astype(np.uint8)

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        values: np.ndarray = self.low + self.codes(items) * self.step
        return values.astype(np.float32)


class Binary:
    """The signs of features around their training mean, as 1 and -1.

    Args:
        x: (items, dim).
        mean: (dim,) of the training items.
    """

    def __init__(self, x: Features, mean: np.ndarray) -> None:
        self.x, self.mean, self.shape = x, mean, x.shape

    def __getitem__(self, items: Selector, /) -> np.ndarray:
        return np.where(self.x[items] > self.mean, np.float32(1), np.float32(-1))


Apply = Callable[[Features], Features]


@dataclass(frozen=True)
class Form:
    """A form of an embedding.

    Attributes:
        name: float32, pca<components>, int8 or binary.
        dim: the numbers that are stored of an item.
        bytes: that these take.
        fit: makes of training features what is applied to features.
    """

    name: str
    dim: int
    bytes: int
    fit: Callable[[Features], Apply]


def forms(dim: int, truncated: Sequence[int]) -> list[Form]:
    """List the forms of an embedding.

    Args:
        dim: its width.
        truncated: numbers of principal components; those that are not below `dim` are left out.
    """
    kept = [Form(f"pca{count}", count, 4 * count, functools.partial(fit_truncated, count=count))
            for count in sorted(set(truncated)) if count < dim]  # fmt: skip
    whole = Form(WHOLE, dim, 4 * dim, lambda training: lambda x: x)
    return [whole, *kept, Form("int8", dim, dim, fit_quantized), Form("binary", dim, -(-dim // 8), fit_binary)]


def fit_truncated(training: Features, count: int) -> Apply:
    """Fit principal components; those without variance in training are 0.

    Raises:
        ValueError: the covariance does not fit the memory.
    """
    dim = training.shape[1]
    check_memory(f"a covariance of {dim} dimensions", 3 * 8 * dim**2)
    mean, covariance = statistics(training)[0], np.zeros((dim, dim))
    for piece in pieces(training):
        rows = training[piece] - mean
        covariance += rows.T @ rows
    values, directions = np.linalg.eigh(covariance)  # the smallest first
    directions[:, values <= NOTHING * values[-1]] = 0
    return lambda x: Truncated(x, mean, directions[:, ::-1][:, :count])


def fit_quantized(training: Features) -> Apply:
    """Fit the range of each dimension."""
    low, high = np.full(training.shape[1], np.inf), np.full(training.shape[1], -np.inf)
    for piece in pieces(training):
        rows = training[piece]
        low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    return lambda x: Quantized(x, low, high)


def fit_binary(training: Features) -> Apply:
    """Fit the mean of each dimension."""
    mean = statistics(training)[0]
    return lambda x: Binary(x, mean)


def scores_of(
    form: Form, task: Task, splits: Mapping[str, LabelledSplit], protocol: str, seed: int = 0, device: str = "cpu"
) -> list[FoldResult]:
    """Evaluate probes of a form of an embedding; of float32 the scores are those of the embedding itself.

    Args:
        splits: the embedding of every split.
        protocol, seed, device: as of `downstream.evaluate.evaluate`.
    """
    folds: list[Fold] = []
    items: dict[str, Mapping[str, Any]] = {}
    own: dict[str, LabelledSplit] = {}
    for fold in task.folds():
        apply = form.fit(concatenated([splits[split] for split in fold.train]))
        names = {split: f"{split} of {fold.name}" for split in (*fold.train, fold.valid)} | {fold.test: fold.test}
        own |= {name: replace(splits[split], x=apply(splits[split].x)) for split, name in names.items()}
        items |= {name: task.items[split] for split, name in names.items()}
        folds.append(Fold(tuple(names[split] for split in fold.train), names[fold.valid], fold.test))
    values = {field.name: getattr(task, field.name) for field in fields(Task)}
    values |= {"splits": tuple(own), "items": items, "groups": {}}
    return evaluate(_Refolded(**values, own_folds=tuple(folds)), own, protocol=protocol, seed=seed, device=device)


@dataclass(frozen=True)
class _Refolded(Task):
    """A task in which each fold has splits of its own, since each fits a form to its training splits.

    Test splits keep their names, which name the folds.
    """

    own_folds: tuple[Fold, ...] = ()

    def folds(self) -> tuple[Fold, ...]:
        """The folds, with the names of their own splits."""
        return self.own_folds
