"""The network made ready for one device and precision: the fastest of its forms that gives the same levels."""

import copy
import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt.network import onednn
from passt.network.model import Block, Linear, Passt
from passt.network.precision import Precision

logger = logging.getLogger(__name__)


def ready(net: Passt, precision: Precision, device: torch.device, compiled: bool = False) -> Passt:
    """A network that shares what it can of `net` and computes its levels, for inference only.

    On a CPU the blocks' weights are packed for oneDNN where it can be used. In bf16 they are rounded. With `compiled`
    the blocks go through torch.compile, or stay as they are where that can't be, with the reason in the log.
    """
    twin = copy.copy(net)
    twin._modules = dict(net._modules)
    packed = _packs(precision, device)
    twin.blocks = nn.ModuleList(_ready_block(block, precision, packed) for block in net.blocks)
    if compiled and packed:
        logger.warning("torch.compile: not used (it can't take layers packed for oneDNN, which are as fast)")
    elif compiled:
        _compile(twin)
    return twin


def _packs(precision: Precision, device: torch.device) -> bool:
    return device.type == "cpu" and onednn.works(precision.dtype)


def _ready_block(block: Block, precision: Precision, packed: bool) -> Block:
    """A block that shares its norms with `block`, its linear layers packed for oneDNN, rounded or as they are."""
    if not packed and precision.dtype == torch.float32:
        return block
    twin = copy.deepcopy(block, {id(parameter): parameter for parameter in block.parameters()})
    for parent in (twin.attn, twin.mlp):
        for name, linear in list(parent.named_children()):
            form = onednn.PackedLinear(linear, precision.dtype) if packed else _rounded(linear, precision.dtype)
            setattr(parent, name, form)
    if packed:
        twin.attn.attend = onednn.attention
    return twin


def _rounded(linear: Linear, dtype: torch.dtype) -> Linear:
    twin = copy.deepcopy(linear).to(dtype)
    twin.product = _in_its_type
    return twin


def _in_its_type(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A product in the weights' type, which may be shorter than the residual stream's."""
    return F.linear(x.to(weight.dtype), weight, bias)


def _compile(net: Passt) -> None:
    """Put the blocks through torch.compile; from its first failure on, said in the log, they run as they are."""
    failed = False

    def with_fallback(plain: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        compiled = torch.compile(plain)

        def forward(x: Tensor) -> Tensor:
            nonlocal failed
            if not failed:
                try:
                    return compiled(x)
                except torch.cuda.OutOfMemoryError:
                    raise
                except Exception as error:
                    failed = True
                    reason = (str(error) or type(error).__name__).splitlines()[0]
                    logger.warning("torch.compile: not used (%s)", reason)
            return plain(x)

        return forward

    net.blocks = nn.ModuleList(copy.copy(block) for block in net.blocks)
    for block in net.blocks[:-1]:  # the last one is never called as a whole
        block.forward = with_fallback(block.forward)
