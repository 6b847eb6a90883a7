"""Parameters and multiply-adds of a network, counted on shapes alone: all tensors are on torch's meta device."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def macs(make: Callable[[], nn.Module], shape: tuple[int, ...], *arguments: Any) -> int:
    """Count the multiply-adds of a network's products for one input.

    Args:
        make: builds the network, ready for inference.
        shape: of the input.
        arguments: of its forward, after the input.
    """
    with torch.device("meta"):
        network = make()
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            network(torch.empty(shape), *arguments)
    return counter.get_total_flops() // 2


def parameters(make: Callable[[], nn.Module]) -> int:
    """Count the numbers of a network that training sets."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())
