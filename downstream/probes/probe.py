"""The probe: a shallow MLP on frozen embeddings, its configuration, its loss.

Source: Turian et al. 2022; hear-eval-kit 2021.1.3, whose parameter names and initialization are kept.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from downstream.pooling.learned import Front, program_of
from downstream.pooling.pooling import Pooling
from downstream.probes.dropout import Masks

LEAST = {
    "hidden_layers": 0,
    "hidden_dim": 1,
    "batch_size": 2,  # BatchNorm
    "max_epochs": 1,
    "check_val_every_n_epoch": 1,
    "patience": 1,
}
Gain = Literal["linear", "relu"]
INITIALIZATIONS = {"xavier_uniform": nn.init.xavier_uniform_, "xavier_normal": nn.init.xavier_normal_}


@dataclass(frozen=True)
class ProbeConfig:
    """A configuration of the probe and its training; the defaults are those of HEAR 2021.

    Raises:
        ValueError: an initialization is unknown, a number is out of range, or training would end before its first
            validation.
    """

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
        for name, least in LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout!r}")
        if self.max_epochs < self.check_val_every_n_epoch:
            raise ValueError(f"max_epochs must be at least {self.check_val_every_n_epoch}, got {self.max_epochs}")


class Dropout(nn.Module):
    """Dropout with masks of its own, so that a fit does not depend on other random numbers.

    Shape:
        (items, units) -> the same.
    """

    def __init__(self, p: float, masks: Masks) -> None:
        super().__init__()
        self.p, self.masks = p, masks

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept: Tensor = x * self.masks.keep(self.p, x.shape[1], x.shape[0])[0].T.div(1 - self.p)
        return kept


class Probe(nn.Module):
    """`hidden_layers` times (Linear, BatchNorm, Dropout, ReLU), then a Linear layer to the labels.

    Weights are Xavier with the gain of the activation before them, which the first layer does not have; biases are as
    in torch. A learned pooling stands before the first layer; its random weights are drawn after all others.

    Args:
        dim: width of the features.
        labels: how many there are.
        initial: the random stream of the initial weights, on the CPU.
        masks: of this probe, on its device.
        pooling: one that learns; None if the features are what the first layer takes.

    Shape:
        (items, dim) -> logits (items, labels).
    """

    def __init__(
        self,
        dim: int,
        labels: int,
        config: ProbeConfig,
        initial: torch.Generator,
        masks: Masks,
        pooling: Pooling | None = None,
    ) -> None:
        super().__init__()
        self.masks = masks
        program = program_of(pooling, dim, labels) if pooling else None
        dim = program.dim if program else dim
        layers: list[nn.Module] = []
        gain: Gain = "linear"
        for _ in range(config.hidden_layers):
            layers += [
                _linear(dim, config.hidden_dim, config.init, gain, initial),
                nn.BatchNorm1d(config.hidden_dim),
                Dropout(config.dropout, masks),
                nn.ReLU(),
            ]
            dim, gain = config.hidden_dim, "relu"
        self.hidden = nn.Sequential(*layers)
        self.projection = _linear(dim, labels, config.init, gain, initial)
        draw = functools.partial(INITIALIZATIONS[config.init], generator=initial)
        self.front = Front(program, draw) if program else None

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.projection(self.hidden(self.front(x) if self.front else x))
        return logits


def probe_of(
    config: ProbeConfig, dim: int, labels: int, seed: int, device: str = "cpu", pooling: Pooling | None = None
) -> Probe:
    """The untrained probe of a seed; its weights do not depend on the device."""
    stream = torch.Generator().manual_seed(seed)
    return Probe(dim, labels, config, stream, Masks([seed], device), pooling).to(device)


def seed_of(seed: Any, config: ProbeConfig) -> int:
    """The seed of one fit, made from any value and the configuration."""
    return int.from_bytes(hashlib.sha256(f"{seed!r} {config!r}".encode()).digest()[:7], "big")


def loss_of(prediction_type: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean loss of logits and targets, both (items, labels): (binary) cross-entropy, or of numbers the square."""
    if prediction_type == "multiclass":
        return lambda logits, y: F.cross_entropy(logits, y.argmax(dim=1))
    if prediction_type == "regression":
        return F.mse_loss
    return F.binary_cross_entropy_with_logits


def probabilities_of(prediction_type: str) -> Callable[[Tensor], Tensor]:
    """Turn logits (items, labels) into predictions: softmax over the labels, a sigmoid of each, or numbers as is."""
    if prediction_type == "regression":
        return lambda logits: logits
    return torch.sigmoid if prediction_type == "multilabel" else lambda logits: torch.softmax(logits, dim=1)


def _linear(inputs: int, outputs: int, init: str, gain: Gain, stream: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    with torch.no_grad():
        INITIALIZATIONS[init](layer.weight, gain=nn.init.calculate_gain(gain), generator=stream)
        layer.bias.uniform_(-(inputs**-0.5), inputs**-0.5, generator=stream)
    return layer
