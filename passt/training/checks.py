"""Checks that clips, labels, recipe and network of a training fit together."""

from passt.catalog.architecture import SAMPLE_RATE
from passt.network.patchout import Patchout
from passt.training.data.source import Source
from passt.training.declared.recipe import Recipe
from passt.training.evaluate import clips_of
from passt.training.loss import Teacher
from passt.training.student import Student


def check(recipe: Recipe, source: Source, evaluation: Source, student: Student, teacher: Teacher | None) -> None:
    """Check a training before it starts.

    Args:
        recipe: the recipe.
        source: clips to train on.
        evaluation: clips to evaluate on.
        student: the network.
        teacher: labels the audio, if the recipe distills.

    Raises:
        ValueError: two of them do not fit together. The message names them.
    """
    for name, clips in (("training", source), ("evaluation", evaluation)):
        if clips.sample_rate != SAMPLE_RATE:
            raise ValueError(f"{name} clips must be at {SAMPLE_RATE} Hz, got {clips.sample_rate}")
        student.check(recipe.patchout if clips is source else Patchout(), clips.samples)
    if repeated := next((label for label in source.labels if source.labels.count(label) > 1), None):
        raise ValueError(f"training clips must have distinct labels, got {repeated!r} twice")
    if source.labels != evaluation.labels:
        raise ValueError("evaluation clips must have the training clips' labels, in their order")
    if (teacher is None) == (recipe.distillation.weight > 0):
        conflict = "needs a teacher" if teacher is None else "has distillation weight 0, but there is a teacher"
        raise ValueError(f"recipe: {recipe.name} {conflict}")
    clips_of(recipe, evaluation)
