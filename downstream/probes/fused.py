"""The elementwise parts of a training step as functions of tensors, which torch.compile fuses on CUDA.

Compiled code is compared with the plain function when it is first used, and left alone if it differs or can't be made.
On a CPU it is not used, so that numbers there are the same with every compiler.

Shapes: values (probes, units, items), parameters and running statistics (probes, units), counts (probes, 1, 1), padding
(probes, 1, items) with 1 for items and 0 for padding; counts and padding are None without padding.
"""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from downstream.probes.dropout import kept

logger = logging.getLogger(__name__)

EPS, MOMENTUM = 1e-5, 0.1  # of torch's BatchNorm1d
CLOSE = 1e-5  # of compiled results, relative to the largest value of each
PAYS = 2e11  # values of hidden layers in training, from which on half a minute of compiling pays
threshold_backward = torch.ops.aten.threshold_backward  # the gradient where the output is above the threshold


def activate(
    z: Tensor,
    bias: Tensor,
    norm: Sequence[Tensor],
    counts: Tensor | None,
    padding: Tensor | None,
    masks: tuple[Tensor, Tensor, int] | None,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Normalize over the items of a batch, then affine, ReLU and dropout.

    Updates running statistics, with the unbiased variance.

    Args:
        z: products without the layer's bias, which normalization would remove again; running means include it.
            Afterwards the normalized values.
        norm: weight, bias, running mean and running variance of the batch normalization.
        masks: the arguments of `kept`; None without dropout.
        scale: 1 / the share that dropout keeps.

    Returns:
        The inverse standard deviations, (probes, units, 1), and the layer's output.
    """
    gamma, beta, running_mean, running_var = norm
    n = z.shape[-1] if counts is None else counts
    mean = (z if padding is None else z * padding).sum(-1, keepdim=True).div_(n)
    z.sub_(mean)
    if padding is not None:
        z.mul_(padding)
    variance = torch.square(z).sum(-1, keepdim=True).div_(n)
    running_mean.lerp_(mean[..., 0] + bias, MOMENTUM)
    running_var.lerp_((variance * (n / (n - 1)))[..., 0], MOMENTUM)
    inverse = (variance + EPS).rsqrt_()
    z.mul_(inverse)
    out = (z * (gamma * scale)[..., None]).add_((beta * scale)[..., None]).relu_()
    if masks is not None:
        out.mul_(kept(*masks))
    return inverse, out


def activation_gradients(
    gradient: Tensor,
    out: Tensor,
    normalized: Tensor,
    inverse: Tensor,
    gamma: Tensor,
    counts: Tensor | None,
    padding: Tensor | None,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `activate`.

    Args:
        gradient: of its output.
        out: its output; where that is 0, ReLU or dropout let nothing through.
        normalized: what it made of z.
        inverse: the inverse standard deviations.

    Returns:
        The gradients of z, gamma and beta.
    """
    gradient = threshold_backward(gradient, out, 0)  # the factor of dropout is in `scale`
    n = gradient.shape[-1] if counts is None else counts
    gamma_gradient, beta_gradient = (gradient * normalized).sum(-1), gradient.sum(-1)
    gradient.sub_(beta_gradient[..., None] / n).sub_(normalized * (gamma_gradient[..., None] / n))
    gradient.mul_((gamma * scale)[..., None] * inverse)
    if padding is not None:
        gradient.mul_(padding)
    return gradient, gamma_gradient * scale, beta_gradient * scale
