"""Train one probe.

This is hear-eval-kit's protocol step by step (Turian et al. 2022; hear-eval-kit 2021.1.3), written to be read beside
it; `downstream.probes.pack` does the same for many probes at once. Features are not normalized, batches keep the order
of the items in every epoch, and the weights of the best validation are used.
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.pooling.pooling import Pooling
from downstream.probes.arithmetic import EXACT, arithmetic
from downstream.probes.features import ProbeData, to_float32
from downstream.probes.probe import Probe, ProbeConfig, loss_of, probabilities_of, probe_of, seed_of
from downstream.probes.selection import EarlyStopping, Selection, Validation

Score = Callable[[np.ndarray], tuple[Mapping[str, float], Any]]
"""Probabilities (items, labels) on the validation split -> scores by metric, the primary first, and post-processing.

Only the primary score is used. Packs on CUDA call it from several threads.
"""

StackedScore = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""Targets (labels, items) -> a function of probabilities (probes, labels, items) that gives the primary score of each
probe, (probes,) float64, where the tensors are, and does not wait for the device."""


@dataclass(frozen=True)
class Fitting:
    """Everything that one fit starts from.

    Attributes:
        config: of the probe and its training.
        train: the training data.
        valid: the validation data.
        prediction_type: `multiclass` (cross-entropy), `multilabel` (binary cross-entropy) or `regression` (squares).
        selection: how the best epoch is chosen.
        score: computes the score of a validation.
        seed: any value; together with the configuration it fixes initial weights and dropout.
        initial: a state dict to start from, for comparisons; None for weights from the seed.
        stacked_score: the same as `score` for many probes on their device; None if only the host can.
        matmul: the precision of float32 products (`downstream.probes.arithmetic`).
        pooling: one that learns, in front of the probe; None if the features are what its first layer takes.
    """

    config: ProbeConfig
    train: ProbeData
    valid: ProbeData
    prediction_type: str
    selection: Selection
    score: Score
    seed: Any = 0
    initial: Mapping[str, Tensor] | None = None
    stacked_score: StackedScore | None = None
    matmul: str = EXACT
    pooling: Pooling | None = None

    def probe(self, device: str) -> Probe:
        """The untrained probe."""
        shape = self.train.x.shape[1], self.train.y.shape[1]
        probe = probe_of(self.config, *shape, seed_of(self.seed, self.config), device, self.pooling)
        if self.initial is not None:
            probe.load_state_dict(self.initial)
        return probe

    def validation(self, epoch: int, logits: Tensor) -> Validation:
        """Evaluate logits (items, labels) on the validation split.

        The loss is the mean over all items.
        """
        loss = float(loss_of(self.prediction_type)(logits, torch.from_numpy(self.valid.y)))
        if self.selection.by_loss:
            return Validation(epoch, loss, loss)
        scores, postprocessing = self.score(probabilities_of(self.prediction_type)(logits).numpy())
        return Validation(epoch, loss, next(iter(scores.values())), postprocessing)


@dataclass(frozen=True)
class Fit:
    """A trained probe.

    Attributes:
        config: of the probe and its training.
        validations: all of them, in order.
        best: the validation that was selected.
        state: the weights at that validation; from a pack on the CPU, from `fit` on the device.
        seconds: of training; in a pack, the probe's share by epochs.
        pooling: the one that was learned with it; None without.
    """

    config: ProbeConfig
    validations: tuple[Validation, ...]
    best: Validation
    state: Mapping[str, Tensor] = field(repr=False)
    seconds: float
    pooling: Pooling | None = None

    @property
    def epochs(self) -> int:
        """The number of epochs that it was trained for."""
        return self.validations[-1].epoch + 1


def fit(fitting: Fitting, device: str = "cpu") -> Fit:
    """Train one probe until it stops improving (`EarlyStopping`), validating every few epochs."""
    start, config = time.perf_counter(), fitting.config
    probe = fitting.probe(device)
    optimizer = torch.optim.Adam(probe.parameters(), lr=config.lr)
    stopping = EarlyStopping(fitting.selection, config.patience)
    state: dict[str, Tensor] = {}
    for epoch in range(config.max_epochs):
        with arithmetic(fitting.matmul):
            _train_epoch(probe, optimizer, fitting, epoch, device)
        if (epoch + 1) % config.check_val_every_n_epoch:
            continue
        with arithmetic(fitting.matmul):
            logits = _logits(probe, fitting.valid, config.batch_size, device)
        if stopping.see(fitting.validation(epoch, logits)):
            state = copy.deepcopy(probe.state_dict())
        if stopping.over:
            break
    seconds = time.perf_counter() - start
    return Fit(config, tuple(stopping.validations), stopping.best, state, seconds, fitting.pooling)


def predict(
    fitted: Fit, data: ProbeData, prediction_type: str, device: str = "cpu", matmul: str = EXACT
) -> tuple[np.ndarray, float]:
    """The probabilities, or numbers, (items, labels) of a trained probe, and its mean loss over all items."""
    logits = logits_of(fitted.config, fitted.state, data, device, matmul, fitted.pooling)
    loss = loss_of(prediction_type)(logits, torch.from_numpy(data.y))
    return probabilities_of(prediction_type)(logits).numpy(), float(loss)


def logits_of(
    config: ProbeConfig,
    state: Mapping[str, Tensor],
    data: ProbeData,
    device: str = "cpu",
    matmul: str = EXACT,
    pooling: Pooling | None = None,
) -> Tensor:
    """The logits (items, labels) of a trained probe, on the CPU."""
    probe = probe_of(config, data.x.shape[1], data.y.shape[1], 0, device, pooling)
    probe.load_state_dict(state)
    with arithmetic(matmul):
        return _logits(probe, data, config.batch_size, device)


def _train_epoch(probe: Probe, optimizer: torch.optim.Adam, fitting: Fitting, epoch: int, device: str) -> None:
    probe.train()
    data, loss_function = fitting.train, loss_of(fitting.prediction_type)
    for items in data.batches(fitting.config.batch_size, epoch, training=True):
        loss = loss_function(probe(_tensor(data.x[items], device)), _tensor(data.y[items], device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.inference_mode()
def _logits(probe: Probe, data: ProbeData, size: int, device: str) -> Tensor:
    """The logits (items, labels) in evaluation mode, on the CPU."""
    probe.eval()

    def parts() -> Iterator[Tensor]:
        for items in ProbeData(data.x, data.y).batches(size, training=False):
            yield probe(_tensor(data.x[items], device)).cpu()

    return torch.cat(list(parts()))


def _tensor(values: np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(to_float32(values)).to(device)
