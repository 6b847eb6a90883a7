"""Weight averaging: the mean of a network's tensors at several steps of its training.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018. As in PaSST's
training, all steps have equal weight and the learning rate is left alone.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


@torch.no_grad()
def with_another(average: Mapping[str, Tensor], count: int, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add one state dict to a mean of state dicts.

    The running means and variances of batch norms are averaged like weights. Counters are taken from `state`.

    Args:
        average: mean of `count` state dicts.
        count: number of state dicts in the mean.
        state: the state dict to add.

    Returns:
        The mean of `count` + 1 state dicts.
    """
    if not count:
        return {name: tensor.detach().clone() for name, tensor in state.items()}
    return {
        name: average[name] + (tensor - average[name]) / (count + 1) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in state.items()
    }
