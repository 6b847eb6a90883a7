"""How well a network labels clips that it was not trained on."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from passt.network.precision import PRECISIONS, arithmetic
from passt.training.data.ahead import read_ahead
from passt.training.data.source import FixedSource, Source
from passt.training.declared.recipe import Recipe
from passt.training.group import Group
from passt.training.scores import mean_average_precision
from passt.training.student import Student
from passt.windows.mel import MelSpectrogram


def clips_of(recipe: Recipe, evaluation: Source) -> int:
    """How many clips are evaluated.

    Raises:
        ValueError: the source has no end and the recipe names no number.
    """
    there = evaluation.clips if isinstance(evaluation, FixedSource) else None
    if there is None and not recipe.evaluation_clips:
        raise ValueError("recipe: evaluation_clips must say how many clips of a source without an end are evaluated")
    return min(filter(None, (there, recipe.evaluation_clips)))


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
    """Mean average precision of the student with the tensors of `state`, nothing augmented or left out."""
    size, clips = recipe.parts_of, clips_of(recipe, evaluation)
    indices = range(group.rank, -(-clips // size), group.size)
    student.net.eval()
    targets, scores = [], []
    for index, (audio, labels) in zip(indices, read_ahead(evaluation, indices, size, workers), strict=True):
        taken = clips - index * size
        if not len(audio):  # files that can't be read
            continue
        computing = torch.autocast(group.device.type, torch.bfloat16, enabled=recipe.precision == "bf16")
        with arithmetic("highest"):  # exact in every precision, as an embedder's
            mel = front_end(audio[:taken].to(group.device))
        with arithmetic(PRECISIONS[recipe.precision].matmul), computing:
            logits = torch.func.functional_call(_Asked(student), _prefixed(state), (mel,))
        scores.append(logits.float().cpu().numpy())
        targets.append(labels[:taken].cpu().numpy())
    student.net.train()
    found = [part for parts in group.gathered((targets, scores)) for part in zip(*parts, strict=True)]
    if not found:
        raise ValueError("none of the evaluation clips could be read")
    return mean_average_precision(*(np.concatenate(part) for part in zip(*found, strict=True)))


class _Asked(torch.nn.Module):
    """The student's network behind its question, so that it can be called with other tensors."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.net, self.student = student.net, student

    def forward(self, mel: Tensor) -> Tensor:
        return self.student.ask(self.net, mel, None, 0)


def _prefixed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"net.{name}": tensor for name, tensor in state.items()}
