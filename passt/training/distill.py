"""The loss: binary cross-entropy against mixed labels, and against what a teacher says of the same sound."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from passt.training.declared.recipe import Distillation

Teacher = Callable[[Tensor], Tensor]
"""Sound (clips, samples) at 32 kHz, as the student hears it, to logits (clips, labels); called without gradients."""


def loss_of(logits: Tensor, labels: Tensor, taught: Tensor | None, distillation: Distillation) -> Tensor:
    """(1 - weight) BCE(logits, labels) + weight BCE(logits / T, taught), the mean over clips and labels.

    Args:
        labels, taught: in 0 to 1; the latter are a teacher's sigmoid(logits / T), see `soft_labels`.
    """
    hard = F.binary_cross_entropy_with_logits(logits, labels)
    if taught is None:
        return hard
    soft = F.binary_cross_entropy_with_logits(logits / distillation.temperature, taught)
    return (1 - distillation.weight) * hard + distillation.weight * soft


def soft_labels(logits: Tensor, distillation: Distillation) -> Tensor:
    """What a teacher's logits say, in 0 to 1."""
    return (logits.float() / distillation.temperature).sigmoid()
