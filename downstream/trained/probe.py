"""TrainedProbe: all that turns the embeddings of new items into the predictions that an evaluation would make."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from downstream.events.decoding import THRESHOLD
from downstream.events.targets import PostProcessing
from downstream.pooling.learned import program_of
from downstream.pooling.pooling import Pooling
from downstream.probes.features import ProbeData
from downstream.probes.fit import logits_of
from downstream.probes.probe import ProbeConfig, probabilities_of
from downstream.scaling import TargetScale
from downstream.solvers import SOLVERS
from downstream.trained.preparation import Preparation

FEWEST = 16  # items in a product of matrices: those of fewer rows are rounded otherwise than in an evaluation


@dataclass(frozen=True, eq=False)
class TrainedProbe:
    """The chosen probe of a fold.

    Attributes:
        kind: of a probe with epochs its configuration, of others the name of their solver.
        weights: the state dict of the probe, or the weights that the solver restores it from.
        dim: width of the embeddings that it takes.
        labels: how many numbers it predicts for an item.
        prediction_type: of the task.
        preparation: of its features.
        pooling: one that is learned with it; None without.
        scale: of numeric targets; None for labels.
        threshold: from which on a prediction of a solver counts as an event; None for others.
        postprocessing: how predictions become events; None for scene tasks.
    """

    kind: ProbeConfig | str
    weights: Mapping[str, Tensor] = field(repr=False)
    dim: int
    labels: int
    prediction_type: str
    preparation: Preparation = field(default_factory=Preparation)
    pooling: Pooling | None = None
    scale: TargetScale | None = None
    threshold: float | None = None
    postprocessing: PostProcessing | None = None

    def predictions(self, x: np.ndarray) -> np.ndarray:
        """Predict embeddings (items, dim) on the CPU, as the test split was predicted.

        Returns:
            (items, labels) float32 probabilities, or numbers in the task's units. Those of a solver for events are
            moved by its threshold, so that more than 0.5 is an event.
        """
        items = len(x)
        if not items:
            return np.zeros((0, self.labels), np.float32)
        if items < FEWEST:
            x = np.concatenate([x, np.repeat(x[-1:], FEWEST - items, axis=0)])
        features = self.preparation(x)
        if isinstance(self.kind, ProbeConfig):
            data = ProbeData(features, np.zeros((len(x), self.labels), np.float32))
            logits = logits_of(self.kind, self.weights, data, pooling=self.pooling)
            predicted = probabilities_of(self.prediction_type)(logits).numpy()
        else:
            restored = SOLVERS[self.kind].restored
            assert restored is not None
            predicted = restored({name: values.numpy() for name, values in self.weights.items()})(features[:])
        in_units = self.scale.in_units(predicted[:items]) if self.scale else predicted[:items]
        return shifted(in_units, self.threshold).astype(np.float32, copy=False)


def shifted(predictions: np.ndarray, threshold: float | None) -> np.ndarray:
    """Predictions whose threshold is that of the decoding of events; None leaves them as they are."""
    return predictions if threshold is None else predictions + (THRESHOLD - threshold)


def shapes_of(config: ProbeConfig, dim: int, labels: int, pooling: Pooling | None) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in the state dict of a probe with epochs.

    Args:
        dim: width of its prepared features.
        labels: how many numbers it predicts.
        pooling: one that is learned with it.
    """
    program = program_of(pooling, dim, labels) if pooling else None
    shapes = {f"front.{name}": shape for name, shape in program.shapes.items()} if program else {}
    inputs = program.dim if program else dim
    for layer in range(config.hidden_layers):
        units, norm = config.hidden_dim, f"hidden.{4 * layer + 1}"
        shapes |= {f"hidden.{4 * layer}.weight": (units, inputs), f"hidden.{4 * layer}.bias": (units,)}
        shapes |= {f"{norm}.{name}": (units,) for name in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{norm}.num_batches_tracked"] = ()
        inputs = units
    return shapes | {"projection.weight": (labels, inputs), "projection.bias": (labels,)}


def as_tensors(weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The weights of a solver as tensors."""
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in weights.items()}
