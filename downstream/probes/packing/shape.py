"""The sizes of a fit, and what it takes in time and memory."""

import dataclasses
import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

ACTIVATIONS = 6  # tensors of (hidden units, items) that a hidden layer has at once

# An H200, by its data sheet and with half of the products' peak; estimated, not measured there.
MACS_A_SECOND = 17e12  # multiply-adds in float32
BYTES_A_SECOND = 4.8e12
UPDATE_BYTES = 32  # that Adam moves for a parameter: four are read, three are written, and its gradient before
LAUNCHES_S = 0.5e-3  # the least that a step of a pack takes: what the host needs to launch its kernels, of any size


@dataclass(frozen=True)
class FrontSize:
    """What a learned pooling in front of a probe takes.

    Attributes:
        dim: the width of the vector that it gives to the first layer.
        weights: how many it learns.
        values: the numbers that training holds for an item.
        macs: multiply-adds for an item in a training step.
    """

    dim: int
    weights: int
    values: int
    macs: int


@dataclass(frozen=True)
class Shape:
    """What decides where a fit is trained, and what that takes.

    Attributes:
        kind: what must be equal within a pack, whatever its padding.
        source: the data: equal for fits on the same.
        dim: width of the features.
        labels: how many there are.
        train_items: in an epoch.
        valid_items: in a validation.
        steps: of an epoch.
        hidden_layers: of the probe.
        hidden_dim: of a hidden layer.
        batch_size: items at most.
        lr: the learning rate; neighbors of equal rate are updated together.
        copies: of a probe's parameters that training keeps.
        resident: whether the features may be kept on the device, not read in another order each epoch.
        front: the learned pooling; None without. Fits of one kind have the same.
    """

    kind: Hashable
    source: Hashable
    dim: int
    labels: int
    train_items: int
    valid_items: int
    steps: int = 1
    hidden_layers: int = 1
    hidden_dim: int = 1024
    batch_size: int = 1024
    lr: float = 1e-3
    copies: int = 5
    resident: bool = True
    front: FrontSize | None = None

    def padded(self, other: "Shape") -> "Shape":
        """The sizes that both have in one pack."""
        widest = {name: max(getattr(self, name), getattr(other, name)) for name in PADDED}
        return dataclasses.replace(self, **widest, resident=self.resident and other.resident)

    @property
    def seconds(self) -> float:
        """What a training step takes on a GPU, launches apart: products, and the update of the parameters."""
        items = self.train_items / max(1, self.steps)
        macs = parameters = 0.0
        for number, weights in enumerate(self._weights()):
            products = 3 if number or self.front else 2  # forward, the weights' gradient; features need no gradient
            macs += products * weights * items
            parameters += weights
        if self.front:
            macs += self.front.macs * items
            parameters += self.front.weights
        return macs / MACS_A_SECOND + UPDATE_BYTES * parameters / BYTES_A_SECOND

    @property
    def probe_bytes(self) -> int:
        """The memory of a probe in training, with its logits in a validation."""
        items = min(self.batch_size, max(self.train_items, self.valid_items))
        activations = self.hidden_layers * ACTIVATIONS * self.hidden_dim * items
        weights = sum(self._weights())
        if self.front:
            activations += self.front.values * items
            weights += self.front.weights
        return 4 * (self.copies * weights + activations + self.labels * self.valid_items)

    @property
    def feature_bytes(self) -> int:
        """The memory of a source's prepared batches: features, and targets twice, as they are and padded.

        Of features that are read in every epoch, it is that of two batches where tokens make these large.
        """
        if not self.resident and self.front is None:
            return 0
        items = self.train_items + self.valid_items if self.resident else 2 * self.batch_size
        return 4 * (self.dim + 2 * self.labels) * items

    def _weights(self) -> Iterator[int]:
        """The number of weights of each layer, a learned pooling apart."""
        widths = [self.front.dim if self.front else self.dim, *[self.hidden_dim] * self.hidden_layers, self.labels]
        return (inputs * outputs for inputs, outputs in itertools.pairwise(widths))


PADDED = ("dim", "labels", "train_items", "valid_items")
