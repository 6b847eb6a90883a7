"""The processes that train together, as torchrun starts them, or a single process."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from passt.devices import current, placed

Value = TypeVar("Value")


@dataclass(frozen=True)
class Group:
    """One of the processes of a training.

    Attributes:
        device: where this process computes.
        rank: number of this process, from 0.
        size: number of processes.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wrapped(self, net: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients are averaged over the processes.

        With a single process it is returned as it is.
        """
        if self.size == 1:
            return net
        return DistributedDataParallel(net, device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def gathered(self, value: Value) -> list[Value]:
        """Collect the value of every process, ordered by rank. All processes must call this."""
        if self.size == 1:
            return [value]
        values: list[Value] = [value] * self.size
        distributed.all_gather_object(values, value)
        return values


@contextlib.contextmanager
def processes(device: str) -> Iterator[Group]:
    """Connect this process with the others of torchrun.

    On a CPU they connect by gloo; on CUDA by NCCL, with one GPU for each process.

    Several trainings in a row must share one such context, because torchrun's processes can connect only once.

    Args:
        device: a torch device; with torchrun "cuda", with an index or without, becomes the GPU of this process.

    Raises:
        ValueError: there is no such device.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        with current(mine := placed(device)):
            yield Group(mine)
        return
    mine = placed("cuda" if device.startswith("cuda") else device)
    if mine.type == "cuda":
        torch.cuda.set_device(mine)
    outermost = not distributed.is_initialized()
    if outermost:
        distributed.init_process_group("nccl" if mine.type == "cuda" else "gloo")
    try:
        yield Group(mine, distributed.get_rank(), size)
    finally:
        if outermost:
            distributed.destroy_process_group()
