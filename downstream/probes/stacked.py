"""Train probes of one depth and width as one tensor program.

The first axis of every tensor is the probe. Activations are (probes, units, items), so that batch statistics are taken
along rows. Step by step, the program computes the same as `downstream.probes.probe.Probe` under autograd and
torch.optim.Adam.

Probes of fewer features or labels than others are padded. Features that a probe does not have are 0, and so are their
weights; labels that it does not have get the logit `NO_LABEL`, whose probability is 0, and numbers that it does not
have are 0, as their targets. The gradients of all these are exactly 0, so that Adam leaves them as they are.

A learned pooling gives the first layer its input. It is differentiated by autograd, from the gradient of that input on,
and its parameters are updated with the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from downstream.pooling.learned import Program
from downstream.probes.dropout import Masks, limit_of
from downstream.probes.feed import Batch
from downstream.probes.fused import EPS, activate, activation_gradients, fused_activate, fused_activation_gradients
from downstream.probes.probe import Probe, ProbeConfig
from downstream.probes.products import Products

FRONT = "front."  # begins the names of a learned pooling's parameters
BUFFERS = ("running_mean", "running_var")
NO_LABEL = -1e30  # finite, as infinity less infinity is NaN; exp of its distance to any usual logit is 0 in float32
RULE = {"weight_decay": 0.0, "eps": 1e-8, "amsgrad": False, "maximize": False}
ADAM: Mapping[str, Any] = {"beta1": 0.9, "beta2": 0.999, **RULE}  # torch.optim.Adam's defaults


@dataclass(frozen=True)
class _Layer:
    """The values of a hidden layer that its gradient needs, each (probes, units, items).

    Attributes:
        h: its input; None for the first layer.
        normalized: the normalized values.
        inverse: 1 / standard deviation, (probes, units, 1).
        out: its output.
    """

    h: Tensor | None
    normalized: Tensor
    inverse: Tensor
    out: Tensor


class StackedProbes:
    """Probes in training.

    Args:
        probes: untrained probes of one architecture, on one device, with their configurations. Neighbors of equal
            learning rate are updated together.
        prediction_type: `multiclass`, `multilabel` or `regression`.
        products: how to compute matrix products.

    Attributes:
        shapes: of each probe's own tensors, without padding.
        tensors: the state dicts, stacked.
        steps: how many were made.
        chosen: how often probes were selected; their tensors are others since.
    """

    def __init__(self, probes: Sequence[tuple[Probe, ProbeConfig]], prediction_type: str, products: Products) -> None:
        states = [probe.state_dict() for probe, _ in probes]
        configs = [config for _, config in probes]
        names = [name for name in states[0] if not name.endswith("num_batches_tracked")]
        self.shapes = [{name: state[name].shape for name in names} for state in states]
        self.prediction_type = prediction_type
        fill = {"projection.bias": 0.0 if prediction_type == "regression" else NO_LABEL}
        self.tensors = {name: _stacked([state[name] for state in states], fill.get(name, 0.0)) for name in names}
        self.masks = Masks.stacked([probe.masks for probe, _ in probes])
        self.configs, self.products = list(configs), products
        self.front = probes[0][0].front.program if probes[0][0].front else None
        self._front_names = [name for name in names if name.startswith(FRONT)]
        self.depth, self.dropout = configs[0].hidden_layers, configs[0].dropout
        self.scale = 1 / (1 - self.dropout)
        self.trained = [name for name in names if not name.endswith(BUFFERS)]
        self.moments = {
            name: (torch.zeros_like(self.tensors[name]), torch.zeros_like(self.tensors[name])) for name in self.trained
        }
        self.steps = self.chosen = 0
        self._activate: Callable[..., tuple[Tensor, Tensor]] = activate
        self._activation_gradients: Callable[..., tuple[Tensor, Tensor, Tensor]] = activation_gradients
        self._step = torch.zeros((), device=self.tensors["projection.weight"].device)  # `steps`, for the optimizer
        self._count_labels()
        self._plan()

    def __len__(self) -> int:
        return len(self.configs)

    def fuse(self) -> None:
        """Train by compiled code from now on, where that can be made."""
        self._activate, self._activation_gradients = fused_activate, fused_activation_gradients

    @torch.no_grad()
    def step(self, batch: Batch) -> None:
        """Update every probe once."""
        front = _Front(self.front, self._front_parameters(), batch) if self.front else None
        logits, layers = self._forward(batch, front)
        self._update(self._backward(self._loss_gradient(logits, batch), layers, batch, front))
        self.steps += 1

    def record(self, batches: Sequence[Batch]) -> None:
        """Launch the steps of some batches so that a CUDA graph can repeat them: nothing depends on the host.

        `masks` must be aligned before. Each replay, and the recording if it does nothing else, is told to `passed`.
        """
        self.masks.forget()
        if self.dropout and self.depth:
            self.masks.make_keys(self.depth * len(batches))
        for batch in batches:
            self.step(batch)

    def passed(self, steps: int) -> None:
        """Count steps that a graph has made; below 0, steps that were recorded and not made."""
        self.steps += steps
        if self.dropout:
            self.masks.passed(self.depth * steps)

    @torch.inference_mode()
    def logits(self, batch: Batch) -> Tensor:
        """The logits in evaluation mode, by running statistics: (probes, labels, items), padded to the most labels."""
        h = _pooled(self.front, self._front_parameters(), batch) if self.front else None
        for layer in range(self.depth):
            norm = f"hidden.{4 * layer + 1}"
            scale = self.tensors[f"{norm}.weight"] * (self.tensors[f"{norm}.running_var"] + EPS).rsqrt()
            mean = self.tensors[f"{norm}.running_mean"] - self.tensors[f"hidden.{4 * layer}.bias"]
            shift = self.tensors[f"{norm}.bias"] - mean * scale
            z = self._product(f"hidden.{4 * layer}", h, batch)
            h = z.mul_(scale[..., None]).add_(shift[..., None]).relu_()
        return self._projection(h, batch)

    def state(self, probe: int) -> dict[str, Tensor]:
        """A copy of one probe's state dict, on the device, without padding."""
        own = self.shapes[probe]
        state = {name: values[probe][tuple(map(slice, own[name]))].clone() for name, values in self.tensors.items()}
        counts = {f"hidden.{4 * layer + 1}.num_batches_tracked" for layer in range(self.depth)}
        return state | {name: torch.tensor(self.steps) for name in counts}

    def select(self, probes: Sequence[int]) -> None:
        """Keep only these probes."""
        index = torch.tensor(probes, device=self.tensors["projection.weight"].device)
        for name in self.tensors:
            self.tensors[name] = self.tensors[name][index]
        for name, (first, second) in self.moments.items():
            self.moments[name] = (first[index], second[index])
        self.configs = [self.configs[probe] for probe in probes]
        self.shapes = [self.shapes[probe] for probe in probes]
        self.masks.select(probes)
        self.chosen += 1
        self._count_labels()
        self._plan()

    def _count_labels(self) -> None:
        """Note how many labels each probe has: a number, or (probes, 1, 1) if they differ."""
        numbers = [own["projection.bias"][0] for own in self.shapes]
        self.labels: int | Tensor = numbers[0]
        if set(numbers) != {self.tensors["projection.bias"].shape[1]}:
            counts = torch.tensor(numbers, dtype=torch.float32)[:, None, None]
            device = self.tensors["projection.bias"].device  # where a copy of pinned memory waits for nothing
            self.labels = counts.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else counts

    def _plan(self) -> None:
        """Prepare the updates: views of the tensors for each run of equal learning rates."""
        rates = [config.lr for config in self.configs]
        starts = [i for i, rate in enumerate(rates) if not i or rate != rates[i - 1]]
        self._groups = []
        for start, stop in zip(starts, [*starts[1:], len(rates)], strict=True):
            probes = slice(start, stop)
            parameters = [self.tensors[name][probes] for name in self.trained]
            first, second = ([self.moments[name][order][probes] for name in self.trained] for order in (0, 1))
            self._groups.append((rates[start], probes, parameters, first, second))

    def _update(self, gradients: Mapping[str, Tensor]) -> None:
        """Update all parameters as torch.optim.Adam does; one launch for each run of equal learning rates."""
        self._step.add_(1)
        steps = [self._step] * len(self.trained)
        for rate, probes, parameters, first, second in self._groups:
            slices = [gradients[name][probes] for name in self.trained]
            torch._fused_adam_(parameters, slices, first, second, [], steps, lr=rate, **ADAM)

    def _product(self, name: str, h: Tensor | None, batch: Batch) -> Tensor:
        """Multiply a weight by h, or by the features of the batch in the first layer: (probes, out, items)."""
        weight = self.tensors[f"{name}.weight"]
        if h is not None:
            return self.products.multiply(weight, h)
        return _concatenated([self.products.forward(weight[probes], x) for probes, x in batch.parts])

    def _projection(self, h: Tensor | None, batch: Batch) -> Tensor:
        return self._product("projection", h, batch).add_(self.tensors["projection.bias"][..., None])

    def _front_parameters(self) -> dict[str, Tensor]:
        """The parameters of the learned pooling, stacked."""
        return {name.removeprefix(FRONT): self.tensors[name] for name in self._front_names}

    def _forward(self, batch: Batch, front: "_Front | None") -> tuple[Tensor, list[_Layer]]:
        """Logits, and the values of each hidden layer for `_backward`."""
        h, layers = front.out if front else None, []
        for layer in range(self.depth):
            z = self._product(f"hidden.{4 * layer}", h, batch)
            norm = [self.tensors[f"hidden.{4 * layer + 1}.{name}"] for name in ("weight", "bias", *BUFFERS)]
            masks = (*self.masks.draw(*z.shape[1:]), limit_of(self.dropout)) if self.dropout else None
            bias = self.tensors[f"hidden.{4 * layer}.bias"]
            inverse, out = self._activate(z, bias, norm, batch.counts, batch.mask, masks, self.scale)
            layers.append(_Layer(h, z, inverse, out))
            h = out
        return self._projection(h, batch), layers

    def _loss_gradient(self, logits: Tensor, batch: Batch) -> Tensor:
        """The gradient of the mean loss over each probe's items, (probes, labels, items)."""
        n = logits.shape[-1] if batch.counts is None else batch.counts
        if self.prediction_type == "regression":
            gradient, terms = logits, n * self.labels / 2
        elif self.prediction_type == "multiclass":
            # along rows: each is rounded by itself, whatever is beside it
            gradient, terms = torch.softmax(logits.mT.contiguous(), dim=-1).mT, n
        else:
            gradient, terms = torch.sigmoid(logits), n * self.labels
        for (probes, _), targets in zip(batch.parts, batch.targets, strict=True):
            gradient[probes].sub_(targets)
        gradient.div_(terms)
        return gradient if batch.mask is None else gradient.mul_(batch.mask)

    def _backward(
        self, gradient: Tensor, layers: list[_Layer], batch: Batch, front: "_Front | None"
    ) -> Mapping[str, Tensor]:
        """The gradients of all parameters from that of the logits."""
        gradients: dict[str, Tensor] = {}
        above = "projection"
        h = layers[-1].out if layers else front.out if front else None
        self._affine_gradients(above, gradient, h, batch, gradients)
        for number in reversed(range(self.depth)):
            layer, norm = layers[number], f"hidden.{4 * number + 1}"
            gradient = self.products.multiply(self.tensors[f"{above}.weight"].mT, gradient)
            gamma = self.tensors[f"{norm}.weight"]
            values = layer.out, layer.normalized, layer.inverse
            gradient, gradients[f"{norm}.weight"], gradients[f"{norm}.bias"] = self._activation_gradients(
                gradient, *values, gamma, batch.counts, batch.mask, self.scale
            )
            above = f"hidden.{4 * number}"
            self._affine_gradients(above, gradient, layer.h, batch, gradients)
        if front:
            gradient = self.products.multiply(self.tensors[f"{above}.weight"].mT, gradient)
            gradients |= {FRONT + name: values for name, values in front.gradients(gradient).items()}
        return gradients

    def _affine_gradients(
        self, name: str, gradient: Tensor, h: Tensor | None, batch: Batch, gradients: dict[str, Tensor]
    ) -> None:
        """Add the gradients of an affine layer's parameters, from that of its output."""
        gradients[f"{name}.bias"] = gradient.sum(-1)
        if h is not None:
            gradients[f"{name}.weight"] = self.products.multiply(gradient, h.mT)
        else:
            parts = [self.products.backward(gradient[probes], x) for probes, x in batch.parts]
            gradients[f"{name}.weight"] = _concatenated(parts)


class _Front:
    """The learned poolings of a training step, through which autograd finds its way back.

    Args:
        parameters: name -> (probes, ...).

    Attributes:
        out: the pooled features, (probes, dim, items).
    """

    def __init__(self, program: Program, parameters: Mapping[str, Tensor], batch: Batch) -> None:
        self._parameters = {name: values.detach().requires_grad_() for name, values in parameters.items()}
        with torch.enable_grad():
            self._out = _pooled(program, self._parameters, batch)
        self.out = self._out.detach()

    def gradients(self, gradient: Tensor) -> dict[str, Tensor]:
        """The gradients of the parameters, from that of `out`."""
        found = torch.autograd.grad(self._out, list(self._parameters.values()), gradient)
        return dict(zip(self._parameters, found, strict=True))


def _pooled(program: Program, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
    """The pooled features of all probes, (probes, dim, items)."""
    parts = [
        program.pool({name: values[probes] for name, values in parameters.items()}, x) for probes, x in batch.parts
    ]
    return _concatenated(parts)


def _stacked(values: Sequence[Tensor], fill: float) -> Tensor:
    """Stack tensors, padded to the largest of each axis."""
    sizes = [max(lengths) for lengths in zip(*(value.shape for value in values), strict=True)]
    if all(list(value.shape) == sizes for value in values):
        return torch.stack(list(values))
    stacked = values[0].new_full((len(values), *sizes), fill)
    for whole, value in zip(stacked, values, strict=True):
        whole[tuple(map(slice, value.shape))] = value
    return stacked


def _concatenated(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
