"""Snapshots of networks, which tell later whether a network was changed."""

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

SAMPLED = 64  # values of a tensor that are compared one by one
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes of a value


class Snapshot:
    """A module as it is now, to tell later in about 0.1 ms whether it was changed.

    Layers and tensors are compared by identity, tensors also by address, strides and torch's count of writes in place.
    torch does not count writes through `.data` or numpy and those of fused optimizers. So `SAMPLED` values of each
    tensor are compared too: a write to a whole tensor shows, one to a few values through `.data` may not.

    Attributes:
        modules, tensors: the module's own and those of its layers.
        two_mode: layers that compute otherwise in training mode.
        devices: the types of device that tensors are on.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.modules = list(module.modules())
        kept = (values for part in self.modules for values in (part._parameters, part._buffers))
        self.tensors = [tensor for values in kept for tensor in values.values() if tensor is not None]
        self.held = [tensor.detach() for tensor in self.tensors]  # so that no address is given to another tensor
        self.counted = [tensor for tensor in self.tensors if not tensor.is_inference()]
        self.two_mode = [part for part in self.modules if isinstance(part, _BatchNorm | _DropoutNd)]
        self.devices = {tensor.device.type for tensor in self.tensors}
        self._samples = _samples(self.held)
        self._parts, self._marks, self._values = self._identities(), self._writes(), self._sampled()

    def holds(self, module: nn.Module) -> bool:
        """Whether this is the same module, unchanged."""
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
        """The sampled values as bytes, so that NaN equals NaN; numpy joins small pieces faster than torch."""
        return [
            (np.concatenate(parts) if isinstance(parts[0], np.ndarray) else torch.cat(parts).cpu().numpy()).tobytes()
            for parts in self._samples
        ]


def _samples(tensors: list[Tensor]) -> list[list[Any]]:
    """Views of evenly spaced values of each tensor, those of one type and device together, on a CPU as arrays."""
    found: dict[tuple, list[Any]] = defaultdict(list)
    for tensor in tensors:
        if tensor.numel() and not tensor.is_meta:
            extent = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
            count = min(extent, SAMPLED)
            view = tensor.as_strided((count,), ((extent - 1) // max(count - 1, 1) or 1,)).view(BITS[tensor.itemsize])
            found[view.dtype, view.device].append(view.numpy() if view.device.type == "cpu" else view)
    return list(found.values())


def is_hooked(module: nn.Module) -> bool:
    """Whether a module has hooks of its own, which only a call of it fires."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return any(hooks)
