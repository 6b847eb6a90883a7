"""Student: the network that is trained, and how its logits are computed.

The trainer knows no more about it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from passt.catalog.architecture import Architecture
from passt.network.patchout import Patchout
from passt.training.declared.recipe import Recipe
from passt.weights import load
from passt.weights.initial import network_on_meta, untrained

HEADS = ("head.1", "head_dist")  # of PaSST
LogitsOf = Callable[[nn.Module, Tensor, Tensor | None, int], Tensor]
"""Computes logits (clips, labels) from the network (or its wrapper), log-mel spectrograms (clips, 128, frames), the
kept patches, and the time encoding's entry for the first column (see `Passt.tokens`)."""


def _plain_logits(net: nn.Module, mel: Tensor, kept: Tensor | None, first: int) -> Tensor:
    return cast(Tensor, net(mel))


def _passt_logits(net: nn.Module, mel: Tensor, kept: Tensor | None, first: int) -> Tensor:
    return cast(Tensor, net(mel, ("logits",), kept, first)["logits"])


@dataclass(frozen=True)
class Student:
    """A network to be trained: any module from log-mel spectrograms to logits.

    Attributes:
        net: the network. Its state dict is saved; parameters that require no gradient stay as they are.
        hop: STFT hop of its front end, in samples at 32 kHz.
        logits_of: computes its logits.
        architecture: the architecture, if the network can leave out patches; None if it can't.
        heads: names of the layers that have one output per label.
    """

    net: nn.Module
    hop: int
    logits_of: LogitsOf = _plain_logits
    architecture: Architecture | None = None
    heads: tuple[str, ...] = ()

    def draw_patches(self, patchout: Patchout, samples: int, generator: torch.Generator) -> tuple[Tensor | None, int]:
        """Draw the patches that a micro-batch keeps, and where it begins in the time encoding.

        As in the authors' package, a clip shorter than the time encoding begins anywhere in it, and this is drawn
        first.

        Args:
            patchout: how many patches are dropped.
            samples: length of the clips in samples.
            generator: source of randomness.

        Returns:
            Indices of the kept patches (None: all), and the entry.
        """
        if self.architecture is None:
            return None, 0
        frequency, time = self.architecture.grid
        columns = self.architecture.columns(samples)
        first = int(torch.randint(1 + time - columns, (), generator=generator))
        return (None if patchout == Patchout() else patchout.keep((frequency, columns), generator)), first

    def check(self, patchout: Patchout, samples: int) -> None:
        """Check that clips and patchout fit the network.

        Args:
            patchout: how many patches are dropped.
            samples: length of the clips in samples.

        Raises:
            ValueError: they do not fit.
        """
        if self.architecture is None:
            if patchout != Patchout():
                raise ValueError(f"patchout is for networks of patches, this one takes spectrograms; got {patchout}")
            return
        frequency, time = self.architecture.grid
        columns = self.architecture.columns(samples)
        if not 1 <= columns <= time:
            raise ValueError(f"clips must hold 1 to {time} columns of patches, {samples} samples hold {columns}")
        patchout.tokens((frequency, columns))


def passt_student(recipe: Recipe, labels: int) -> Student:
    """Build the recipe's PaSST with its initial weights.

    Args:
        recipe: gives architecture, start, seed and prior.
        labels: number of labels.

    Raises:
        ValueError: the recipe has another number of classes, or DeiT does not fit the architecture.
        FileNotFoundError: DeiT's weights can't be fetched.
    """
    architecture = recipe.architecture
    if architecture.n_classes not in (0, labels):
        raise ValueError(f"recipe: n_classes must be the {labels} labels there are, got {architecture.n_classes}")
    architecture = replace(architecture, n_classes=labels)
    net = network_on_meta(architecture)
    if recipe.start == "imagenet":
        state = load.imagenet_start(architecture, seed=recipe.seed)
    else:
        state = untrained(architecture, recipe.seed)
    net.load_state_dict({name: tensor.clone() for name, tensor in state.items()}, assign=True)
    net.requires_grad_(True).head_dist.requires_grad_(False)  # the loss does not use it
    set_prior(cast(nn.Linear, net.head[-1]), recipe.prior)
    return Student(net, architecture.hop, _passt_logits, architecture, HEADS)


@torch.no_grad()
def set_prior(outputs: nn.Linear, prior: float) -> None:
    """Set the biases of a layer of logits so that every label has the probability `prior`.

    The biases must be 0 before.
    """
    outputs.bias.add_(math.log(prior / (1 - prior)))
