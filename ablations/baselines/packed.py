"""Convolutions on a CPU by oneDNN: weights packed once, and the activation behind them in the same operator.

As `passt.onednn` for linear layers; the operators are those that torch.compile puts in place of convolutions when it
freezes a network. Their results are channels-last, which the next one takes as it is: nothing is reordered in between.
"""

import functools
import itertools
import logging

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

ACTIVATIONS = {nn.ReLU: "relu", nn.Hardswish: "hardswish"}


class PackedConv(nn.Module):
    """A convolution with packed weights, and the activation behind it; for inference only.

    Args:
        shape: of the input that packing is told to expect; any other works.
        activation: "none", "relu" or "hardswish".
    """

    def __init__(self, conv: nn.Conv2d, shape: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.settings = list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups
        self.activation, self.bias = activation, None if conv.bias is None else conv.bias.detach()
        weight = conv.weight.detach()
        self.packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.settings, list(shape))

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._convolution_pointwise(
            x, self.packed, self.bias, *self.settings, self.activation, [], ""
        )


def pack(net: nn.Module, *example: object) -> None:
    """Put packed convolutions in the place of a network's, with the activations that follow them.

    Args:
        example: arguments of a forward pass, of usual shapes.
    """
    shapes: dict[nn.Module, tuple[int, ...]] = {}
    convs = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    hooks = [
        conv.register_forward_pre_hook(lambda module, inputs: shapes.update({module: inputs[0].shape}))
        for conv in convs
    ]
    with torch.no_grad():
        net(*example)
    for hook in hooks:
        hook.remove()
    for parent in list(net.modules()):
        children = [(name, child) for name, child in parent.named_children() if not isinstance(child, nn.Identity)]
        for (name, conv), (behind, following) in itertools.pairwise([*children, ("", nn.Identity())]):
            if isinstance(conv, nn.Conv2d):
                activation = ACTIVATIONS.get(type(following), "none")
                setattr(parent, name, PackedConv(conv, shapes[conv], activation))
                if activation != "none":
                    setattr(parent, behind, nn.Identity())


@functools.cache
def works(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this build of torch and this processor have what is needed here; said in the log where not."""
    try:
        wrong = _error(dtype)
        reason = None if wrong < (1e-5 if dtype == torch.float32 else 0.1) else f"its results are off by {wrong:.1e}"
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
    if reason:
        logger.warning("convolutions by torch's own layers: oneDNN can't be used here (%s)", reason)
    return reason is None


@torch.no_grad()
def _error(dtype: torch.dtype) -> float:
    """The largest difference of what is used here to torch's own, on small inputs."""
    stream = torch.Generator().manual_seed(0)
    found = []
    for groups in (1, 8):
        for activation in (nn.Identity(), nn.ReLU(), nn.Hardswish()):
            conv = nn.Conv2d(8, 8, 3, padding=1, groups=groups)
            conv.weight.copy_(torch.randn(conv.weight.shape, generator=stream) / 8)
            x = torch.randn(1, 8, 16, 16, generator=stream)
            wanted = activation(conv(x))
            packed = PackedConv(conv.to(dtype), x.shape, ACTIVATIONS.get(type(activation), "none"))
            found.append((packed(x.to(dtype)).float() - wanted).abs().max().item())
    return max(found)
