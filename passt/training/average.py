"""Weight averaging: the mean of a network's tensors at several steps of its training.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018; as in PaSST's
training, with equal weights and the learning rate left alone.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


@torch.no_grad()
def with_another(average: Mapping[str, Tensor], taken: int, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of `taken` + 1 states, of which `average` is that of the others; counts are those of `state`.

    Batch norms' running means and variances are averaged as the weights are.
    """
    if not taken:
        return {name: tensor.detach().clone() for name, tensor in state.items()}
    return {
        name: average[name] + (tensor - average[name]) / (taken + 1) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in state.items()
    }
