"""What the network of a baseline costs, counted on shapes alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

SECONDS = 10  # of the clip that operations are counted for


@dataclass(frozen=True)
class Cost:
    """What a network costs: numbers that training sets, multiply-adds for the scene embedding of a clip of 10 s."""

    parameters: int
    macs: int


def counted(make: Callable[[], nn.Module], shape: tuple[int, ...], *arguments: Any) -> Cost:
    """The cost of a network for one input of that shape; nothing is computed, all tensors are on torch's meta device.

    Args:
        make: the network, ready for inference. arguments: of its forward, behind the input.
    """
    with torch.device("meta"):
        network = make()
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            network(torch.empty(shape), *arguments)
    return Cost(sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() // 2)
