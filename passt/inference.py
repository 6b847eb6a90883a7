"""The network made ready for one device and precision: the fastest of its forms that gives the same levels."""

import copy
import logging
from collections.abc import Callable

import torch
from torch import nn

from passt import onednn
from passt.checkpoints import MEL_BANDS
from passt.model import Linear, Passt
from passt.precision import Precision

logger = logging.getLogger(__name__)


def ready(net: Passt, precision: Precision, device: torch.device, compiled: bool = False) -> Passt:
    """A network that shares what it can of `net` and computes its levels, for inference only.

    On a CPU the blocks' weights are packed for oneDNN where it can be used. In bf16 they are rounded. With `compiled`
    the blocks go through torch.compile, or stay as they are where that fails, with the reason in the log.
    """
    if device.type == "cpu" and onednn.works():
        net = _twin(net, lambda linear: onednn.PackedLinear(linear, precision.dtype))
        for block in net.blocks:
            block.attn.attend = onednn.attention
    elif precision.dtype != torch.float32:
        net = _twin(net, lambda linear: _rounded(linear, precision.dtype))
    return _compiled(net, device) if compiled else net


def _twin(net: Passt, change: Callable[[Linear], nn.Module]) -> Passt:
    """A copy that shares the tensors of `net`, with the linear layers of its blocks changed."""
    twin = copy.deepcopy(net, {id(tensor): tensor for tensor in (*net.parameters(), *net.buffers())})
    for block in twin.blocks:
        for parent in (block.attn, block.mlp):
            for name, linear in list(parent.named_children()):
                setattr(parent, name, change(linear))
    return twin


def _rounded(linear: Linear, dtype: torch.dtype) -> Linear:
    return copy.deepcopy(linear).to(dtype)


def _compiled(net: Passt, device: torch.device) -> Passt:
    twin = _twin(net, lambda linear: linear)
    for block in twin.blocks:
        block.forward = torch.compile(block.forward)
    try:
        with torch.no_grad():
            twin(torch.zeros(2, MEL_BANDS, 64, device=device))
    except Exception as error:
        logger.warning("torch.compile: not used (%s)", (str(error) or type(error).__name__).splitlines()[0])
        return net
    return twin
