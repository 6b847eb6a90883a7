"""The processes that train together, as torchrun starts them; alone where it did not."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Group:
    """One process of `size`, and the device it computes on."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files and shows progress."""
        return self.rank == 0

    def wrapped(self, net: nn.Module) -> nn.Module:
        """What is called in training: the network itself, or what averages its gradients over the processes."""
        if self.size == 1:
            return net
        return DistributedDataParallel(net, device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def gathered(self, value: Any) -> list[Any]:
        """Every process's value, by rank."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, value)
        return found


@contextlib.contextmanager
def processes(device: str) -> Iterator[Group]:
    """This process among those of torchrun (gloo on a CPU, NCCL on CUDA, a device each).

    Trainings one after the other are within one such context: torchrun's processes find one another once.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group(torch.device(device))
        return
    here = torch.device(device)
    if here.type == "cuda":
        here = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(here)
    outermost = not distributed.is_initialized()
    if outermost:
        distributed.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        yield Group(here, distributed.get_rank(), size)
    finally:
        if outermost:
            distributed.destroy_process_group()
