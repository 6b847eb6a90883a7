"""Evaluation: how well a network labels clips that it was not trained on."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from passt.network.precision import PRECISIONS, arithmetic
from passt.training.data.prefetch import read_ahead
from passt.training.data.source import FixedSource, Source
from passt.training.declared.recipe import Recipe
from passt.training.group import Group
from passt.training.scores import mean_average_precision
from passt.training.student import Student
from passt.windows.mel import MelSpectrogram
from passt.windows.transfer import moved, to_host


def clips_of(recipe: Recipe, evaluation: Source) -> int:
    """Count the clips to evaluate: those of the source, up to the recipe's number.

    Raises:
        ValueError: the source is endless and the recipe gives no number.
    """
    available = evaluation.clips if isinstance(evaluation, FixedSource) else None
    if available is None and not recipe.evaluation_clips:
        raise ValueError("recipe: evaluation_clips must say how many clips of a source without an end are evaluated")
    return min(filter(None, (available, recipe.evaluation_clips)))


@torch.no_grad()
def evaluate(
    student: Student,
    state: Mapping[str, Tensor],
    recipe: Recipe,
    evaluation: Source,
    front_end: MelSpectrogram,
    group: Group,
    workers: int = 0,
) -> float:
    """Compute the mean average precision of a student.

    Nothing is augmented, and no patch is left out.

    Args:
        student: the network.
        state: the tensors to evaluate it with, in place of its own.
        recipe: gives precision, batch size and number of clips.
        evaluation: the clips.
        front_end: turns audio into log-mel spectrograms.
        group: the processes, which share the clips.
        workers: threads that read clips ahead.

    Raises:
        ValueError: none of the clips could be read.
    """
    size, clips = recipe.parts_of, clips_of(recipe, evaluation)
    indices = range(group.rank, -(-clips // size), group.size)
    student.net.eval()
    targets: list[Tensor] = []
    scores: list[Tensor] = []
    for index, (audio, labels) in zip(indices, read_ahead(evaluation, indices, size, workers), strict=True):
        remaining = clips - index * size
        if not len(audio):  # no file of this batch could be read
            continue
        labels = labels[:remaining]
        (there,) = moved([audio[:remaining]], group.device)
        autocast = torch.autocast(group.device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
        with arithmetic("highest"):  # the front end is exact in every precision, as an embedder's
            mel = front_end(there)
        with arithmetic(PRECISIONS[recipe.precision].matmul), autocast:
            logits = torch.func.functional_call(_Logits(student), _prefixed(state), (mel,))
        scores.append(logits.float())
        targets.append(labels)
    student.net.train()
    both = [[part.numpy() for part in to_host(parts)] for parts in (targets, scores)]  # one wait each
    batches = [batch for parts in group.gathered(both) for batch in zip(*parts, strict=True)]
    if not batches:
        raise ValueError("none of the evaluation clips could be read")
    return mean_average_precision(*(np.concatenate(part) for part in zip(*batches, strict=True)))


class _Logits(torch.nn.Module):
    """A student as a module from spectrograms to logits.

    As a module it can be called with other tensors.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.net, self.student = student.net, student

    def forward(self, mel: Tensor) -> Tensor:
        return self.student.logits_of(self.net, mel, None, 0)


def _prefixed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"net.{name}": tensor for name, tensor in state.items()}
