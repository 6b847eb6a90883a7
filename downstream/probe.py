"""The probe: a shallow MLP on frozen embeddings, trained one configuration at a time.

This is hear-eval-kit's protocol step by step (Turian et al. 2022, section 5; hear-eval-kit 2021.1.3), written to be
read against it. Features are not normalised, batches keep the order of the items in every epoch, and the weights of the
best validation are used.
"""

import copy
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

INITIALIZATIONS = {"xavier_uniform": nn.init.xavier_uniform_, "xavier_normal": nn.init.xavier_normal_}


@dataclass(frozen=True)
class ProbeConfig:
    """One setting of the probe; the defaults are those of HEAR 2021."""

    hidden_layers: int = 1
    lr: float = 1e-3
    init: str = "xavier_uniform"
    hidden_dim: int = 1024
    dropout: float = 0.1
    batch_size: int = 1024
    max_epochs: int = 500
    check_val_every_n_epoch: int = 3
    patience: int = 20

    def __post_init__(self) -> None:
        if self.init not in INITIALIZATIONS:
            raise ValueError(f"init must be one of {', '.join(INITIALIZATIONS)}, got {self.init!r}")
        if self.max_epochs < self.check_val_every_n_epoch:
            raise ValueError(f"max_epochs must be at least {self.check_val_every_n_epoch}, got {self.max_epochs}")


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
class Validation:
    """What was seen at one validation: loss, scores by metric name (none when the loss selects), chosen settings."""

    epoch: int
    loss: float
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    postprocessing: Any = None


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

    def better(self, new: float, old: float) -> bool:
        """Strictly better, compared as float32 as the kit's trainer does."""
        new, old = np.float32(new), np.float32(old)
        return bool(new > old if self.mode == "max" else new < old)

    @property
    def worst(self) -> float:
        return -math.inf if self.mode == "max" else math.inf


@dataclass(frozen=True)
class Fit:
    """A trained probe: every validation, which was best, and its weights."""

    config: ProbeConfig
    validations: tuple[Validation, ...]
    best: Validation
    state: Mapping[str, Tensor] = field(repr=False)
    seconds: float


class Dropout(nn.Module):
    """Dropout with a random stream of its own, so that a fit does not depend on what else draws random numbers."""

    def __init__(self, p: float, stream: torch.Generator) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        keep = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.stream)
        return x * keep.div_(1 - self.p)


class Probe(nn.Module):
    """hidden_layers times (Linear, BatchNorm, Dropout, ReLU), then a Linear to the labels.

    Weights are Xavier with the gain of the activation before them (none in front of the first); biases are torch's.

    Shape:
        (items, dim) -> logits (items, labels).
    """

    def __init__(self, dim: int, labels: int, config: ProbeConfig, stream: torch.Generator) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        gain = "linear"
        for _ in range(config.hidden_layers):
            layers += [
                _linear(dim, config.hidden_dim, config.init, gain, stream),
                nn.BatchNorm1d(config.hidden_dim),
                Dropout(config.dropout, stream),
                nn.ReLU(),
            ]
            dim, gain = config.hidden_dim, "relu"
        self.hidden = nn.Sequential(*layers)
        self.projection = _linear(dim, labels, config.init, gain, stream)

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(self.hidden(x))


def fit(
    config: ProbeConfig,
    train: ProbeData,
    valid: ProbeData,
    *,
    prediction_type: str,
    selection: Selection,
    score: Callable[[np.ndarray], tuple[Mapping[str, float], Any]],
    seed: Any = 0,
    device: str = "cpu",
    initial: Mapping[str, Tensor] | None = None,
) -> Fit:
    """Train one probe, validating every few epochs, until it stops improving.

    Args:
        prediction_type: `multiclass` (cross-entropy) or `multilabel` (binary cross-entropy).
        score: predictions (items, labels) on `valid` -> (scores by metric, the primary first; post-processing).
        seed: any value; with the configuration it fixes initial weights and dropout.
        initial: a state dict to start from, for comparisons.

    Returns:
        The fit. Training ends after `patience` validations without a strict improvement, or at once where the
        monitored value is NaN or infinite; a first validation that is so is the best, with the worst score.
    """
    start = time.perf_counter()
    stream = torch.Generator().manual_seed(_seed_of(seed, config))
    labels = train.y.shape[1]
    probe = Probe(train.x.shape[1], labels, config, stream)
    if initial is not None:
        probe.load_state_dict(initial)
    probe.to(device)
    for layer in probe.hidden:
        if isinstance(layer, Dropout):
            layer.stream = torch.Generator(device).manual_seed(stream.initial_seed())
    optimizer = torch.optim.Adam(probe.parameters(), lr=config.lr)
    loss_of = _loss(prediction_type)

    validations: list[Validation] = []
    best: Validation | None = None
    state: dict[str, Tensor] = {}
    waited = 0
    for epoch in range(config.max_epochs):
        probe.train()
        for x, y in _batches(train, config.batch_size, device):
            loss = loss_of(probe(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        if (epoch + 1) % config.check_val_every_n_epoch:
            continue
        seen = _validate(probe, valid, epoch, config, prediction_type, selection, score, device)
        validations.append(seen)
        if best is None or selection.better(seen.score, best.score):
            best = seen if math.isfinite(seen.score) else _replace_score(seen, selection.worst)
            state = copy.deepcopy(probe.state_dict())
            waited = 0
        else:
            waited += 1
        if waited >= config.patience or not math.isfinite(seen.score):
            break
    return Fit(config, tuple(validations), best, state, time.perf_counter() - start)


@torch.inference_mode()
def predict(
    state: Mapping[str, Tensor], config: ProbeConfig, x: Any, prediction_type: str, device: str = "cpu"
) -> np.ndarray:
    """(items, labels) probabilities of a trained probe."""
    labels, dim = len(state["projection.bias"]), x.shape[1]
    probe = Probe(dim, labels, config, torch.Generator()).to(device).eval()
    probe.load_state_dict(state)
    return _activation(prediction_type)(_logits(probe, x, config.batch_size, device)).numpy()


def loss(state: Mapping[str, Tensor], config: ProbeConfig, data: ProbeData, prediction_type: str) -> float:
    """The mean loss of a trained probe over a whole split, in evaluation mode."""
    probe = Probe(data.x.shape[1], data.y.shape[1], config, torch.Generator()).eval()
    probe.load_state_dict({name: tensor.cpu() for name, tensor in state.items()})
    with torch.inference_mode():
        logits = _logits(probe, data.x, config.batch_size, "cpu")
        return float(_loss(prediction_type)(logits, torch.from_numpy(data.y)))


def _validate(probe, valid, epoch, config, prediction_type, selection, score, device) -> Validation:
    probe.eval()
    with torch.inference_mode():
        logits = _logits(probe, valid.x, config.batch_size, device)
        value = float(_loss(prediction_type)(logits, torch.from_numpy(valid.y)))
    if selection.by_loss:
        return Validation(epoch, value, value)
    scores, postprocessing = score(_activation(prediction_type)(logits).numpy())
    return Validation(epoch, value, next(iter(scores.values())), scores, postprocessing)


def _replace_score(seen: Validation, score: float) -> Validation:
    return Validation(seen.epoch, seen.loss, score, seen.scores, seen.postprocessing)


def _batches(data: ProbeData, size: int, device: str):
    for start in range(0, len(data.y), size):
        rows = slice(start, start + size)
        yield _tensor(data.x[rows], device), _tensor(data.y[rows], device)


def _logits(probe: Probe, x: Any, size: int, device: str) -> Tensor:
    parts = [probe(_tensor(x[start : start + size], device)) for start in range(0, x.shape[0], size)]
    return torch.cat(parts).float().cpu()


def _tensor(rows: Any, device: str) -> Tensor:
    return torch.from_numpy(np.require(rows, np.float32, ["C", "W"])).to(device)


def _loss(prediction_type: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy against the label index, or binary cross-entropy; the mean over the items."""
    if prediction_type == "multiclass":
        return lambda logits, y: F.cross_entropy(logits, y.argmax(dim=1))
    return F.binary_cross_entropy_with_logits


def _activation(prediction_type: str) -> Callable[[Tensor], Tensor]:
    return torch.sigmoid if prediction_type == "multilabel" else lambda logits: torch.softmax(logits, dim=1)


def _linear(inputs: int, outputs: int, init: str, gain: str, stream: torch.Generator) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    with torch.no_grad():
        INITIALIZATIONS[init](layer.weight, gain=nn.init.calculate_gain(gain), generator=stream)
        layer.bias.uniform_(-(inputs**-0.5), inputs**-0.5, generator=stream)
    return layer


def _seed_of(seed: Any, config: ProbeConfig) -> int:
    text = f"{seed!r} {config!r}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
