"""The networks that `ablate train` trains, by the name in a recipe."""

import re

import torch

from ablations.models.baselines.checkpoints import TRAINED_HOP, untrained
from ablations.models.baselines.mobilenet import HEAD, MobileNet
from passt.training.declared.recipe import PASST, Recipe
from passt.training.student import Student, passt_student, say

MOBILE_NET = re.compile(r"mn(\d\d)")


def student_of(recipe: Recipe, labels: int) -> Student:
    """The recipe's network with the weights that it starts with.

    Networks are `passt`, of the recipe's architecture, and `mnNN`: EfficientAT's MobileNet of width N.N, hop 10 ms.

    Raises:
        ValueError: an unknown network, or what does not fit it. FileNotFoundError: weights it starts with are absent.
    """
    if recipe.network == PASST:
        return passt_student(recipe, labels)
    named = MOBILE_NET.fullmatch(recipe.network)
    if not named or named[1] == "00":
        raise ValueError(
            f"recipe: network must be {PASST} or mnNN (mn10, a MobileNet of width 1.0), got {recipe.network!r}"
        )
    if recipe.start == "imagenet":
        raise ValueError(f"recipe: start must be untrained or file for {recipe.network}, got {recipe.start!r}")
    with torch.device("meta"):
        net = MobileNet(int(named[1]) / 10, labels)
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    net.load_state_dict(untrained(shapes, recipe.seed), assign=True)
    say(net.classifier[-1], recipe.prior)
    net.requires_grad_(True).to(memory_format=torch.channels_last)
    return Student(net, TRAINED_HOP, lambda net, mel, kept, first: net(mel, ("logits",))["logits"], heads=(HEAD,))
