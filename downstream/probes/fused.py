"""The elementwise parts of a training step as functions of tensors, which torch.compile fuses on CUDA.

Compiled code is compared with the plain function when it is first used, and left alone if it differs or can't be made.
On a CPU it is not used, so that numbers there are the same with every compiler.

Shapes: values (probes, units, items), parameters and running statistics (probes, units), counts (probes, 1, 1), padding
(probes, 1, items) with 1 for items and 0 for padding; counts and padding are None without padding.
"""

import functools
import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from downstream.probes.dropout import kept

logger = logging.getLogger(__name__)

EPS, MOMENTUM = 1e-5, 0.1  # of torch's BatchNorm1d
CLOSE = 1e-5  # of compiled results, relative to the largest value of each
WITHOUT = "probes train without compiled code"
PAYS = 2e11  # values of hidden layers in a pack's training: from there on half a minute of compiling pays, by estimate
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


class Fused:
    """A function of tensors as code that torch.compile makes, which must give what the function gives.

    Single probes are left to the function: torch.compile would make code for them apart.

    Args:
        plain: the function; it may change its arguments.
        exactly: gives, of a function and arguments, what must be equal bit for bit.
    """

    def __init__(self, plain: Callable[..., tuple[Tensor, ...]], exactly: Callable[..., Tensor] | None = None) -> None:
        self.plain, self.exactly = plain, exactly
        self.reason: str | None = None
        self.kinds: set[tuple[Any, ...]] = set()
        self._compiled = torch.compile(plain, dynamic=True, fullgraph=True)

    def __call__(self, *arguments: Any) -> Any:
        if self.reason or len(arguments[0]) == 1:
            return self.plain(*arguments)
        kind = arguments[0].device, *(argument is None for argument in arguments)
        if kind not in self.kinds:
            self.reason = self._reason_against(arguments)
            if self.reason:
                logger.info("%s: %s: %s", WITHOUT, self.plain.__name__, self.reason)
                return self.plain(*arguments)
            self.kinds.add(kind)
        return self._compiled(*arguments)

    def _reason_against(self, arguments: Sequence[Any]) -> str | None:
        """Why the compiled code can't be used; None if it gives what the function gives."""
        try:
            results = [list(_tensors(_outcome(function, arguments))) for function in (self.plain, self._compiled)]
            for difference in map(_difference, *results):
                if not difference < CLOSE:  # NaN, too
                    return f"its results are off by {difference:.1e}"
            if self.exactly:
                plain, compiled = (
                    self.exactly(function, _copied(arguments)) for function in (self.plain, self._compiled)
                )
                if not torch.equal(plain, compiled):
                    return "its masks are others"
        except torch.cuda.OutOfMemoryError:
            raise  # not of the code, but of the pack
        except Exception as error:
            return (str(error) or type(error).__name__).strip().splitlines()[0]
        return None


def _masks(function: Callable[..., tuple[Tensor, ...]], arguments: Sequence[Any]) -> Tensor:
    """What `activate` keeps: with a weight of 0 and a bias of 1 nothing else is left in its output."""
    z, bias, (gamma, beta, *running), *rest = arguments
    return function(z, bias, [torch.zeros_like(gamma), torch.ones_like(beta), *running], *rest)[1]


fused_activate = Fused(activate, _masks)
fused_activation_gradients = Fused(activation_gradients)


def pays(values: int) -> bool:
    """Whether compiling pays for so many values of hidden layers; always once it is done."""
    return (values >= PAYS or bool(fused_activate.kinds)) and _can_compile()


@functools.cache
def _can_compile() -> bool:
    """Whether torch.compile can make code for CUDA here; if not, the log says why."""
    found = importlib.util.find_spec("triton") is not None
    if not found:
        logger.info("%s: triton is not installed", WITHOUT)
    return found


def _outcome(function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, Any]:
    """What a function gives for copies of arguments, and what it makes of them."""
    copies = _copied(arguments)
    return function(*copies), copies


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    return type(value)(map(_copied, value)) if isinstance(value, list | tuple) else value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def _difference(wanted: Tensor, found: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))
