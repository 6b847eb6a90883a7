"""CREPE without its weight files, for timing: its untrained network takes as long."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from torch import Tensor

from ablations.benchmarks import models
from ablations.benchmarks.record import Record
from ablations.models.baselines import crepe, crepe_net


@contextmanager
def untrained_crepe() -> Iterator[None]:
    """Give CREPE the weights of an untrained network, so that the package with its files (90 MB) is not needed."""

    def weights(checkpoint: str) -> dict[str, Tensor]:
        return crepe_net.other_axis(crepe_net.Crepe(crepe_net.CHANNELS[checkpoint]).state_dict())

    with mock.patch.object(crepe, "_published", weights):
        yield


def measure(device: str, names: tuple[str, ...]) -> Record:
    """Measure models as `ablations.benchmarks.models` does, CREPE without weight files.

    Args:
        device: that computes.
        names: checkpoints.
    """
    with untrained_crepe():
        return models.measure(names, device=device)
