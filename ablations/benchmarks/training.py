"""Speed of PaSST in training and in inference, in clips a second on one device."""

import contextlib
import functools
import itertools
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog.checkpoints import SAMPLE_RATE, Checkpoint
from passt.network.patchout import PAPER, Patchout
from passt.network.precision import PRECISIONS
from passt.training.data.augment import Augmentations
from passt.training.declared.recipe import Recipe
from passt.training.linear import use_fastest
from passt.training.step import backward
from passt.training.student import Student, passt_student
from passt.windows.mel import MelSpectrogram

logger = logging.getLogger(__name__)

CLIP_S = 10
NO_AUGMENTATIONS = Augmentations(**{field.name: 0 for field in fields(Augmentations)})


@dataclass(frozen=True)
class Meter:
    """A stopwatch for steps on one device; `complexity.measure` explains its fields."""

    device: str
    batch: int
    repeats: int
    seconds_limit: float

    def speed(self, make: Callable[[int], Callable[[], Any]]) -> tuple[float, int, int]:
        """Measure the speed of a step; its batch is halved until memory suffices.

        Args:
            make: takes a batch in clips and returns the step.

        Returns:
            Clips a second, the batch in clips, the number of timed steps.

        Raises:
            ValueError: if the memory is too small for one clip.
        """
        batch, seconds = self.batch, list[float]()
        while not seconds:
            with contextlib.suppress(torch.cuda.OutOfMemoryError):
                seconds = self._seconds(make(batch))
            if not seconds:  # the step's memory is free only after the error was handled
                torch.cuda.empty_cache()
                if batch == 1:
                    raise ValueError(f"the memory of {self.device} must hold one clip of {CLIP_S} s, it does not")
                batch //= 2
                logger.info("out of memory, going on with %d clips a step", batch)
        return batch / statistics.median(seconds), batch, len(seconds)

    def _seconds(self, step: Callable[[], Any]) -> list[float]:
        """Time each step, without the one that warms up unless the time is over after it."""
        begin, seconds = time.perf_counter(), list[float]()
        while len(seconds) <= self.repeats:
            start = time.perf_counter()
            if seconds and start - begin > self.seconds_limit:
                break
            step()
            if self.device.startswith("cuda"):
                torch.cuda.synchronize(self.device)
            seconds.append(time.perf_counter() - start)
        return seconds[1:] or seconds


def recipe_of(checkpoint: Checkpoint, patchout: Patchout, precision: str) -> Recipe:
    """Return the trainer's recipe for a step without augmentations."""
    return Recipe(
        checkpoint.name,
        steps=1,
        batch=1,
        lr=1.0,
        architecture=checkpoint.architecture,
        patchout=patchout,
        augmentations=NO_AUGMENTATIONS,
        precision=precision,
    )


def trained(recipe: Recipe, device: str) -> Student:
    """Make the untrained network as the trainer does, with the trainer's matrix products."""
    student = passt_student(recipe, recipe.architecture.n_classes)
    student.net.to(device).train()
    use_fastest(student.net, PRECISIONS[recipe.precision], torch.device(device))
    return student


def training_step(student: Student, recipe: Recipe, clips: Tensor) -> Callable[[], Tensor]:
    """Return a function that does one step (see `complexity.NOTES`) on clips (batch, samples) and returns its loss."""
    stream = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (len(clips), recipe.architecture.n_classes), generator=stream).float()
    targets = targets.to(clips.device)
    front_end = MelSpectrogram(student.hop).to(clips.device)
    numbers = itertools.count()

    def step() -> Tensor:
        loss = backward(student, student.net, recipe, front_end, (clips, targets), (next(numbers), 0), 1.0)
        student.net.zero_grad()
        return loss

    return step


def steps(checkpoint: Checkpoint, device: str, precision: str) -> dict[str, Callable[[int], Callable[[], Any]]]:
    """Return what is timed: the published file's column -> a function that makes a step of a batch in clips."""
    plain = recipe_of(checkpoint, Patchout(), precision)
    student = trained(plain, device)
    spec = EmbeddingSpec(checkpoint.name, weights="untrained-0")
    embedder = PasstEmbedder(spec, device=device, precision=precision)

    def inference(clips: Tensor) -> None:
        embedder.scene(list(clips), [("logits", None)])

    def training(batch: int, patchout: Patchout) -> Callable[[], Any]:
        return training_step(student, replace(plain, patchout=patchout), sound(batch).to(device))

    return {
        "train_speed_10s_samples_per_s": lambda batch: training(batch, Patchout()),
        "train_speed_patchout": lambda batch: training(batch, PAPER[checkpoint.hop]),
        "inference_samples_per_s": lambda batch: functools.partial(inference, sound(batch)),
    }


def sound(batch: int) -> Tensor:
    """Make noise of 10 s, (batch, samples)."""
    return 0.1 * torch.randn(batch, CLIP_S * SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
