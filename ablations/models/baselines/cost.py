"""What the network of a baseline costs, counted on shapes alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def counted(make: Callable[[], nn.Module], shape: tuple[int, ...], *arguments: Any) -> int:
    """Multiply-adds of a network's products for one input of that shape.

    Nothing is computed: all tensors are on torch's meta device.

    Args:
        make: the network, ready for inference. arguments: of its forward, behind the input.
    """
    with torch.device("meta"):
        network = make()
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            network(torch.empty(shape), *arguments)
    return counter.get_total_flops() // 2


def parameters(make: Callable[[], nn.Module]) -> int:
    """Numbers of a network that training sets."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())
