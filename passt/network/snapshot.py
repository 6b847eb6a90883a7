"""Snapshots of networks, to tell later whether a network was changed."""

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

SAMPLED = 64  # values of each tensor that are compared one by one
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Bytes of a value -> the integers of that size."""


class Snapshot:
    """A module as it is now, to tell later in about 0.1 ms whether it was changed.

    Layers and tensors are compared by identity; tensors also by address, strides and torch's count of in-place writes.
    torch does not count writes through `.data`, through numpy, or by fused optimizers. So `SAMPLED` values of each
    tensor are compared as well. This detects a write to a whole tensor; a write to a few values through `.data` may go
    unnoticed.

    Args:
        module: the module to remember.

    Attributes:
        modules: the module and all of its layers.
        tensors: parameters and buffers of all of them.
        two_mode: layers that compute differently in training mode.
        devices: types of the devices that the tensors are on.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.modules = list(module.modules())
        kept = (values for part in self.modules for values in (part._parameters, part._buffers))
        self.tensors = [tensor for values in kept for tensor in values.values() if tensor is not None]
        self.held = [tensor.detach() for tensor in self.tensors]  # keeps the memory, so that no address is reused
        self.counted = [tensor for tensor in self.tensors if not tensor.is_inference()]
        self.two_mode = [part for part in self.modules if isinstance(part, _BatchNorm | _DropoutNd)]
        self.devices = {tensor.device.type for tensor in self.tensors}
        self._samples = _samples(self.held)
        self._parts, self._marks, self._values = self._identities(), self._writes(), self._sampled()

    def holds(self, module: nn.Module) -> bool:
        """Check that this is the same module, unchanged."""
        return (
            module is self.module
            and self._identities() == self._parts
            and self._writes() == self._marks
            and self._sampled() == self._values
        )

    def _identities(self) -> list[int]:
        kept = ((part._modules, part._parameters, part._buffers) for part in self.modules)
        return [id(value) for three in kept for values in three for value in values.values()]

    def _writes(self) -> list[Any]:
        places = [(tensor.data_ptr(), tensor.stride()) for tensor in self.tensors]
        return [*places, *[tensor._version for tensor in self.counted]]

    def _sampled(self) -> list[bytes]:
        """Give the sampled values as bytes, so that NaN equals NaN.

        On a CPU numpy joins them, which is faster than torch for small pieces.
        """
        return [
            (np.concatenate(parts) if isinstance(parts[0], np.ndarray) else torch.cat(parts).cpu().numpy()).tobytes()
            for parts in self._samples
        ]


def _samples(tensors: list[Tensor]) -> list[list[Any]]:
    """Take views of evenly spaced values of each tensor.

    They are grouped by type and device. On a CPU they are arrays.
    """
    groups: dict[tuple[torch.dtype, torch.device], list[Any]] = defaultdict(list)
    for tensor in tensors:
        if tensor.numel() and not tensor.is_meta:
            extent = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
            count = min(extent, SAMPLED)
            view = tensor.as_strided((count,), ((extent - 1) // max(count - 1, 1) or 1,)).view(BITS[tensor.itemsize])
            groups[view.dtype, view.device].append(view.numpy() if view.device.type == "cpu" else view)
    return list(groups.values())


def is_hooked(module: nn.Module) -> bool:
    """Check whether a module itself has hooks, which run only if the module is called."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks)
