"""Training a probe, one configuration at a time.

This is hear-eval-kit's protocol step by step (Turian et al. 2022; hear-eval-kit 2021.1.3), written to be
read against it. Features are not normalised, batches keep the order of the items in every epoch, and the weights of
the best validation are used.
"""

import copy
import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.probe import Probe, ProbeConfig, loss_of, probabilities_of

Score = Callable[[np.ndarray], tuple[Mapping[str, float], Any]]
"""Probabilities (items, labels) on the validation split -> (scores by metric, the primary first; post-processing)."""


@dataclass(frozen=True)
class ProbeData:
    """Embedding rows with their targets, in the protocol's item order.

    Attributes:
        x: (items, dim) float32, an array or whatever gives one when sliced.
        y: (items, labels) float32, one-hot or multi-hot.
    """

    x: Any
    y: np.ndarray


@dataclass(frozen=True)
class Selection:
    """By what the best epoch is chosen.

    Attributes:
        by_loss: the validation loss, lower is better, no scores are computed; else the primary score.
        higher_is_better: of the primary score.
    """

    by_loss: bool = False
    higher_is_better: bool = True

    @property
    def mode(self) -> str:
        return "max" if self.higher_is_better and not self.by_loss else "min"

    @property
    def worst(self) -> float:
        return -math.inf if self.mode == "max" else math.inf

    def better(self, new: float, old: float) -> bool:
        """Strictly better, compared as float32, as the kit's trainer does."""
        new, old = np.float32(new), np.float32(old)
        return bool(new > old if self.mode == "max" else new < old)


@dataclass(frozen=True)
class Validation:
    """What was seen at one validation.

    Attributes:
        score: what is monitored, the primary score or the loss.
        scores: by metric; none where the loss selects.
        postprocessing: of event tasks, the setting that was chosen.
    """

    epoch: int
    loss: float
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    postprocessing: Any = None


@dataclass(frozen=True)
class Fit:
    """A trained probe: every validation, which was best, and the weights of that one."""

    config: ProbeConfig
    validations: tuple[Validation, ...]
    best: Validation
    state: Mapping[str, Tensor] = field(repr=False)
    seconds: float


def fit(
    config: ProbeConfig,
    train: ProbeData,
    valid: ProbeData,
    *,
    prediction_type: str,
    selection: Selection,
    score: Score,
    seed: Any = 0,
    device: str = "cpu",
    initial: Mapping[str, Tensor] | None = None,
) -> Fit:
    """Train one probe, validating every few epochs, until it stops improving.

    Training ends after `patience` validations without a strict improvement, or at once where the monitored value is NaN
    or infinite. NaN counts as the worst score, so a first validation that is NaN is the best, with that score.

    Args:
        prediction_type: `multiclass` (cross-entropy) or `multilabel` (binary cross-entropy).
        seed: any value; with the configuration it fixes initial weights and dropout.
        initial: a state dict to start from, for comparisons.
    """
    start = time.perf_counter()
    probe = _probe(config, train.x.shape[1], train.y.shape[1], device, _seed_of(seed, config))
    if initial is not None:
        probe.load_state_dict(initial)
    optimizer = torch.optim.Adam(probe.parameters(), lr=config.lr)
    validations: list[Validation] = []
    best, state, waited = None, {}, 0
    for epoch in range(config.max_epochs):
        _train_epoch(probe, optimizer, train, config.batch_size, loss_of(prediction_type), device)
        if (epoch + 1) % config.check_val_every_n_epoch:
            continue
        seen = _validate(probe, valid, epoch, config.batch_size, prediction_type, selection, score, device)
        validations.append(seen)
        monitored = selection.worst if math.isnan(seen.score) else seen.score
        if best is None or selection.better(monitored, best.score):
            best = dataclasses.replace(seen, score=monitored)
            state, waited = copy.deepcopy(probe.state_dict()), 0
        else:
            waited += 1
        if waited >= config.patience or not math.isfinite(seen.score):
            break
    return Fit(config, tuple(validations), best, state, time.perf_counter() - start)


def predict(found: Fit, data: ProbeData, prediction_type: str, device: str = "cpu") -> tuple[np.ndarray, float]:
    """(items, labels) probabilities of a trained probe, and its mean loss over the whole of `data`."""
    probe = _probe(found.config, data.x.shape[1], data.y.shape[1], device, seed=0)
    probe.load_state_dict(found.state)
    logits, loss = _evaluate(probe, data, found.config.batch_size, prediction_type, device)
    return probabilities_of(prediction_type)(logits).numpy(), loss


def _probe(config: ProbeConfig, dim: int, labels: int, device: str, seed: int) -> Probe:
    initial, dropout = torch.Generator().manual_seed(seed), torch.Generator(device).manual_seed(seed)
    return Probe(dim, labels, config, initial, dropout).to(device)


def _train_epoch(probe: Probe, optimizer, data: ProbeData, size: int, loss_function, device: str) -> None:
    probe.train()
    for start in range(0, len(data.y), size):
        rows = slice(start, start + size)
        if len(data.y[rows]) == 1:  # BatchNorm has no statistics of one item; the kit ends with an error here
            continue
        loss = loss_function(probe(_tensor(data.x[rows], device)), _tensor(data.y[rows], device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def _validate(probe, data, epoch, size, prediction_type, selection: Selection, score: Score, device) -> Validation:
    logits, loss = _evaluate(probe, data, size, prediction_type, device)
    if selection.by_loss:
        return Validation(epoch, loss, loss)
    scores, postprocessing = score(probabilities_of(prediction_type)(logits).numpy())
    return Validation(epoch, loss, next(iter(scores.values())), scores, postprocessing)


@torch.inference_mode()
def _evaluate(probe: Probe, data: ProbeData, size: int, prediction_type: str, device: str) -> tuple[Tensor, float]:
    """Logits (items, labels) on the CPU, and the loss, the mean over all items at once."""
    probe.eval()
    logits = torch.cat(list(_logits(probe, data.x, size, device)))
    return logits, float(loss_of(prediction_type)(logits, torch.from_numpy(data.y)))


def _logits(probe: Probe, x: Any, size: int, device: str) -> Iterator[Tensor]:
    for start in range(0, x.shape[0], size):
        yield probe(_tensor(x[start : start + size], device)).cpu()


def _tensor(rows: Any, device: str) -> Tensor:
    return torch.from_numpy(np.require(rows, np.float32, ["C", "W"])).to(device)


def _seed_of(seed: Any, config: ProbeConfig) -> int:
    text = f"{seed!r} {config!r}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
