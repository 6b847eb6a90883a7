"""The networks that `ablate train` can train, by their names in a recipe."""

import re
from typing import cast

import torch
from torch import Tensor, nn

from ablations.models.baselines.checkpoints import TRAINED_HOP, untrained
from ablations.models.baselines.mobilenet import HEAD, MobileNet
from passt.training.declared.recipe import PASST, Recipe
from passt.training.student import Student, passt_student, set_prior

MOBILE_NET = re.compile(r"mn(\d\d)")


def student_of(recipe: Recipe, labels: int) -> Student:
    """Build the recipe's network with its initial weights.

    Networks are `passt`, with the recipe's architecture, and `mnNN`: EfficientAT's MobileNet of width N.N, hop 10 ms.

    Args:
        recipe: gives network, start, seed and prior.
        labels: number of labels.

    Raises:
        ValueError: the network is unknown, or the recipe does not fit it.
        FileNotFoundError: the weights that it starts with are absent.
    """
    if recipe.network == PASST:
        return passt_student(recipe, labels)
    match = MOBILE_NET.fullmatch(recipe.network)
    if not match or match[1] == "00":
        raise ValueError(
            f"recipe: network must be {PASST} or mnNN (mn10, a MobileNet of width 1.0), got {recipe.network!r}"
        )
    if recipe.start == "imagenet":
        raise ValueError(f"recipe: start must be untrained or file for {recipe.network}, got {recipe.start!r}")
    with torch.device("meta"):
        net = MobileNet(int(match[1]) / 10, labels)
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    net.load_state_dict(untrained(shapes, recipe.seed), assign=True)
    set_prior(cast(nn.Linear, net.classifier[-1]), recipe.prior)
    net.requires_grad_(True).to(memory_format=torch.channels_last)
    return Student(net, TRAINED_HOP, _logits, heads=(HEAD,))


def _logits(net: nn.Module, mel: Tensor, kept: Tensor | None, first: int) -> Tensor:
    """Compute a MobileNet's logits; it has no patches to leave out."""
    logits: Tensor = net(mel, ("logits",))["logits"]
    return logits
