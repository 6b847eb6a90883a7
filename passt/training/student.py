"""Student: the network that is trained, and how it is asked; the trainer knows no more of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from passt.catalog.architecture import Architecture
from passt.network.patchout import Patchout
from passt.training.declared.recipe import Recipe
from passt.weights import load
from passt.weights.initial import network_on_meta, untrained

HEADS = ("head.1", "head_dist")  # of PaSST
Ask = Callable[[nn.Module, Tensor, Tensor | None, int], Tensor]
"""The network (or what stands for it in several processes), log-mel spectrograms (clips, 128, frames), the patches kept
and the first column's encoding (see `Passt.tokens`) to logits (clips, labels)."""


def _plainly(net: nn.Module, mel: Tensor, kept: Tensor | None, first: int) -> Tensor:
    return net(mel)


def _as_passt(net: nn.Module, mel: Tensor, kept: Tensor | None, first: int) -> Tensor:
    return net(mel, ("logits",), kept, first)["logits"]


@dataclass(frozen=True)
class Student:
    """A network to be trained, any module of spectrograms to logits.

    Attributes:
        net: its state dict is what is saved; parameters that need no gradient stay as they are.
        hop: STFT hop of its front end in samples.
        architecture: of a network that leaves out patches; None: it takes spectrograms and nothing else.
        heads: names of the layers whose outputs are the labels.
    """

    net: nn.Module
    hop: int
    ask: Ask = _plainly
    architecture: Architecture | None = None
    heads: tuple[str, ...] = ()

    def choice(self, patchout: Patchout, samples: int, generator: torch.Generator) -> tuple[Tensor | None, int]:
        """Patches that a micro-batch keeps (None: all), and the time encoding's entry of its first column.

        As in the authors' package a clip shorter than the time encoding begins anywhere in it, and is drawn first.
        """
        if self.architecture is None:
            return None, 0
        frequency, time = self.architecture.grid
        columns = self.architecture.columns(samples)
        first = int(torch.randint(1 + time - columns, (), generator=generator))
        return (None if patchout == Patchout() else patchout.keep((frequency, columns), generator)), first

    def check(self, patchout: Patchout, samples: int) -> None:
        """Raise ValueError where clips or patchout do not fit the network."""
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
    """The recipe's PaSST with the weights that it starts with.

    Raises:
        ValueError: n_classes of the recipe is not the number of labels, or DeiT does not fit the architecture.
        FileNotFoundError: DeiT's weights can't be had.
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
    net.requires_grad_(True).head_dist.requires_grad_(False)  # no loss reads it
    say(net.head[-1], recipe.prior)
    return Student(net, architecture.hop, _as_passt, architecture, HEADS)


@torch.no_grad()
def say(outputs: nn.Linear, prior: float) -> None:
    """Let a layer of logits, whose biases are 0, say of every label that it is there with that probability."""
    outputs.bias += math.log(prior / (1 - prior))
