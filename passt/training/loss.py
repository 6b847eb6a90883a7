"""The loss: binary cross-entropy against labels and a teacher's probabilities."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from passt.training.declared.recipe import Distillation

Teacher = Callable[[Tensor], Tensor]
"""Audio (clips, samples) at 32 kHz, as the student hears it -> logits (clips, labels). Called without gradients."""


def loss_of(logits: Tensor, labels: Tensor, soft: Tensor | None, distillation: Distillation) -> Tensor:
    """Compute (1 - weight) BCE(logits, labels) + weight BCE(logits / T, soft).

    BCE is the mean over clips and labels.

    Args:
        logits: (clips, labels).
        labels: (clips, labels), 0 to 1; fractions come from mixup.
        soft: (clips, labels), 0 to 1, the teacher's `soft_labels`. None without a teacher.
        distillation: weight and temperature T of the teacher's part.
    """
    hard_loss = F.binary_cross_entropy_with_logits(logits, labels)
    if soft is None:
        return hard_loss
    soft_loss = F.binary_cross_entropy_with_logits(logits / distillation.temperature, soft)
    return (1 - distillation.weight) * hard_loss + distillation.weight * soft_loss


def soft_labels(logits: Tensor, distillation: Distillation) -> Tensor:
    """Turn a teacher's logits into probabilities: sigmoid(logits / T)."""
    return (logits.float() / distillation.temperature).sigmoid()
