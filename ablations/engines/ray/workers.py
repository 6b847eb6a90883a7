"""How many Ray workers execute a study, where, and with what of the machines. Knows Ray by name only."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from ablations.system.machine import choose_device

EXTRA = "pip install --constraint constraints.txt --editable '.[ray]'"


@dataclass(frozen=True)
class RayWorkers:
    """Workers that are processes of Ray.

    Attributes:
        count: how many; None is one a node of the cluster, or as many as its GPUs allow.
        address: of a cluster ("auto", host:port); None starts Ray on this machine alone.
        gpus_each: GPUs a worker, such as 0.5; None shares this machine's where they are used, and is 0 on a cluster.

    Raises:
        ValueError: for numbers that are none of workers, and where Ray is not installed.
    """

    count: int | None = None
    address: str | None = None
    gpus_each: float | None = None

    def __post_init__(self) -> None:
        if self.count is None and self.address is None:
            raise ValueError("workers must be a number where there is no cluster, got none")
        if self.count is not None and self.count < 1:
            raise ValueError(f"workers must be at least 1, got {self.count}")
        if self.gpus_each is not None and (self.gpus_each < 0 or (self.gpus_each > 1 and self.gpus_each % 1)):
            raise ValueError(f"GPUs a worker must be a share of one or a whole number, got {self.gpus_each:g}")
        if find_spec("ray") is None:
            raise ValueError(f"workers need Ray, which is not installed; it is the extra 'ray': {EXTRA}")

    def device(self, wanted: str | None) -> str:
        """The workers' device: on this machine as ever, on a cluster CUDA where they are given GPUs.

        Raises:
            ValueError: for a device that is not here, for GPUs on a CPU.
        """
        there = wanted or ("cuda" if self.gpus_each else "cpu")
        device = there if self.address else choose_device(wanted)
        if device == "cpu" and self.gpus_each:
            raise ValueError(f"GPUs a worker must be 0 on the device cpu, got {self.gpus_each:g}")
        return device


def threads_each(cores: Sequence[float], workers: int) -> int:
    """The most threads that each worker can have, where `cores` are those of each node; at least 1."""
    most = int(max(cores, default=1))
    return next((t for t in range(most, 0, -1) if sum(int(node // t) for node in cores) >= workers), 1)
