"""How many Ray workers execute a study, on which machines, and with how many GPUs; this file does not import Ray."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from ablations.system.machine import choose_device

EXTRA = "pip install --constraint constraints.txt --editable '.[ray]'"


@dataclass(frozen=True)
class RayWorkers:
    """Workers that are processes of Ray.

    Attributes:
        count: the number of workers; None is one a node of the cluster, or as many as its GPUs allow.
        address: the address of a cluster ("auto", host:port); None starts Ray on this machine alone.
        gpus_each: GPUs of each worker, such as 0.5; None shares this machine's GPUs if the device is CUDA, and is 0 on
            a cluster.

    Raises:
        ValueError: an impossible number, or Ray is not installed.
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

    def device(self, device: str | None) -> str:
        """Choose the workers' device: on this machine as without Ray, on a cluster CUDA if workers have GPUs.

        Args:
            device: what the user asked for; None leaves the choice.

        Raises:
            ValueError: this machine does not have the device, or workers on a CPU have GPUs.
        """
        chosen = (device or ("cuda" if self.gpus_each else "cpu")) if self.address else choose_device(device)
        if chosen == "cpu" and self.gpus_each:
            raise ValueError(f"GPUs a worker must be 0 on the device cpu, got {self.gpus_each:g}")
        return chosen


def threads_each(cores: Sequence[float], workers: int) -> int:
    """The most threads that each worker can have; at least 1.

    Args:
        cores: of each node.
        workers: how many share them.
    """
    most = int(max(cores, default=1))
    return next((t for t in range(most, 0, -1) if sum(int(node // t) for node in cores) >= workers), 1)
