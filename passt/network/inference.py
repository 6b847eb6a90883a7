"""The inference form of the network.

It is the fastest form for a device and a precision that computes the same levels.
"""

import copy
import logging
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt.devices import is_out_of_memory
from passt.network import onednn
from passt.network.model import Block, Linear, Passt
from passt.network.precision import Precision

logger = logging.getLogger(__name__)


def ready(net: Passt, precision: Precision, device: torch.device, compiled: bool = False) -> Passt:
    """Build the inference form of a network.

    It shares tensors with the network as far as possible.

    On a CPU with oneDNN the weights of the blocks are packed. In bf16 they are rounded.

    Args:
        net: the network, in float32.
        precision: how products are computed.
        device: where the form will compute.
        compiled: whether the blocks go through torch.compile. If that fails, they stay as they are and the log says
            why.
    """
    twin = copy.copy(net)
    twin._modules = dict(net._modules)
    packed = _packs(precision, device)
    twin.blocks = nn.ModuleList(_ready_block(cast(Block, block), precision, packed) for block in net.blocks)
    if compiled and packed:
        logger.warning("torch.compile: not used (it can't take layers packed for oneDNN, which are as fast)")
    elif compiled:
        _compile(twin)
    return twin


def _packs(precision: Precision, device: torch.device) -> bool:
    return device.type == "cpu" and onednn.works(precision.dtype)


def _ready_block(block: Block, precision: Precision, packed: bool) -> Block:
    """Copy a block with its linear layers packed for oneDNN or rounded.

    The copy shares the norms.
    """
    if not packed and precision.dtype == torch.float32:
        return block
    twin = copy.deepcopy(block, {id(parameter): parameter for parameter in block.parameters()})
    for parent in (twin.attn, twin.mlp):
        for name, layer in list(parent.named_children()):
            linear = cast(Linear, layer)
            form = onednn.PackedLinear(linear, precision.dtype) if packed else _rounded(linear, precision.dtype)
            parent.add_module(name, form)
    if packed:
        twin.attn.attend = onednn.attention
    return twin


def _rounded(linear: Linear, dtype: torch.dtype) -> Linear:
    twin = copy.deepcopy(linear).to(dtype)
    twin.product = _in_its_type
    return twin


def _in_its_type(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Multiply in the type of the weights.

    It may be shorter than the type of the residual stream.
    """
    return F.linear(x.to(weight.dtype), weight, bias)


def _compile(net: Passt) -> None:
    """Compile the blocks with torch.compile.

    From the first failure on, which the log reports, they run uncompiled.
    """
    failed = False

    def with_fallback(plain: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        compiled = torch.compile(plain)

        def forward(x: Tensor) -> Tensor:
            nonlocal failed
            if not failed:
                try:
                    return compiled(x)
                except Exception as error:
                    if is_out_of_memory(error):
                        raise
                    failed = True
                    reason = (str(error) or type(error).__name__).splitlines()[0]
                    logger.warning("torch.compile: not used (%s)", reason)
            return plain(x)

        return forward

    net.blocks = nn.ModuleList(copy.copy(block) for block in net.blocks)
    for block in net.blocks[:-1]:  # the last block is never called as a whole
        block.forward = with_fallback(block.forward)
