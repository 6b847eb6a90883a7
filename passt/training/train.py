"""Training: steps of AdamW on a source's clips, evaluated, averaged, and resumed to the same weights after a kill."""

import contextlib
import itertools
import logging
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from passt.catalog.architecture import SAMPLE_RATE
from passt.fetch.transfer import Track, silent
from passt.network.precision import PRECISIONS, precision_for
from passt.training.average import with_another
from passt.training.data.ahead import read_ahead
from passt.training.data.source import Source
from passt.training.declared.recipe import PASST, Recipe
from passt.training.distill import Teacher
from passt.training.evaluate import clips_of, evaluate
from passt.training.folder import log
from passt.training.folder.run_folder import claim
from passt.training.folder.state import WEIGHTS_FILE, State, write_weights
from passt.training.group import Group, processes
from passt.training.products import use_fastest
from passt.training.step import backward
from passt.training.student import Student, passt_student
from passt.windows.mel import MelSpectrogram

SAVE_SECONDS = 60.0  # at least, between two states

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a training gave.

    Attributes:
        weights: a safetensors file of the averaged weights, or the last ones where none were averaged.
        mAP: of these on the evaluation clips. loss: the last one logged. seconds: all runs together.
    """

    weights: Path
    mAP: float
    loss: float
    steps: int
    seconds: float


def train(
    recipe: Recipe,
    source: Source,
    evaluation: Source,
    folder: str | Path,
    device: str = "cpu",
    track: Track = silent,
    *,
    student: Student | None = None,
    teacher: Teacher | None = None,
    workers: int = 1,
) -> Result:
    """Train by the recipe, from the state in `folder` where there is one.

    Under torchrun each process takes its part of the micro-batches, and the first one writes.

    Args:
        student: what is trained, with its first weights; the recipe's PaSST where it is None.
        workers: threads that read clips ahead; 0 is none.

    Raises:
        ValueError: clips, labels, recipe and network do not fit, the folder is another training's, the loss is not
            finite; names what.
    """
    folder = Path(folder)
    if student is None:
        if recipe.network != PASST:
            raise ValueError(f"recipe: network {recipe.network!r} must be given as a student")
        student = passt_student(recipe, len(source.labels))
    _check(recipe, source, evaluation, student, teacher)
    with processes(device) as group:
        precision_for(recipe.precision, group.device)
        if recipe.parts % group.size:
            raise ValueError(
                f"recipe: a step's micro-batches must be a multiple of the {group.size} processes, got {recipe.parts}"
            )
        if group.first:
            claim(folder, recipe, source.labels)
        group.gathered(None)  # no process looks before the folder is there
        training = _Training(recipe, student, folder, group, teacher, workers)
        training.go_on(State.load(folder))
        training.run(source, evaluation, track if group.first else silent)
        return training.finish(source.labels)


def _check(recipe: Recipe, source: Source, evaluation: Source, student: Student, teacher: Teacher | None) -> None:
    for name, clips in (("training", source), ("evaluation", evaluation)):
        if clips.sample_rate != SAMPLE_RATE:
            raise ValueError(f"{name} clips must be at {SAMPLE_RATE} Hz, got {clips.sample_rate}")
        student.check(recipe.patchout if clips is source else type(recipe.patchout)(), clips.samples)
    if repeated := next((label for label in source.labels if source.labels.count(label) > 1), None):
        raise ValueError(f"training clips must have distinct labels, got {repeated!r} twice")
    if source.labels != evaluation.labels:
        raise ValueError("evaluation clips must have the training clips' labels, in their order")
    if (teacher is None) == (recipe.distillation.weight > 0):
        wanted = "needs a teacher" if teacher is None else "has distillation weight 0, but there is a teacher"
        raise ValueError(f"recipe: {recipe.name} {wanted}")
    clips_of(recipe, evaluation)


class _Training:
    """The network, its optimizer and where they are."""

    def __init__(
        self, recipe: Recipe, student: Student, folder: Path, group: Group, teacher: Teacher | None, workers: int
    ) -> None:
        self.recipe, self.student, self.folder = recipe, student, folder
        self.group, self.teacher, self.workers = group, teacher, workers
        student.net.to(group.device).train()
        use_fastest(student.net, PRECISIONS[recipe.precision], group.device)
        trained = [parameter for parameter in student.net.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
        self.front_end = MelSpectrogram(student.hop).to(group.device)
        self.state = State()
        self.counted = self.saved = time.perf_counter()

    def go_on(self, state: State | None) -> None:
        """Take up a state that was saved."""
        if state is None:
            return
        if state.step > self.recipe.steps:
            raise ValueError(f"{self.folder}: trained {state.step} steps already, the recipe has {self.recipe.steps}")
        self.student.net.load_state_dict(state.net)
        self.optimizer.load_state_dict(state.optimizer)
        state.average = {name: tensor.to(self.group.device) for name, tensor in state.average.items()}
        state.losses = [loss.to(self.group.device) for loss in state.losses]
        self.state = state
        logger.info("%s: going on after step %d", self.folder, state.step)

    def run(self, source: Source, evaluation: Source, track: Track) -> None:
        """The steps that are left, with a row of the log every so often."""
        recipe, state, group = self.recipe, self.state, self.group
        if group.first:
            log.begin(self.folder, state.step)
        parts = range(group.rank, recipe.parts, group.size)
        indices = (step * recipe.parts + part for step in range(state.step, recipe.steps) for part in parts)
        with (
            contextlib.closing(read_ahead(source, indices, recipe.parts_of, self.workers)) as batches,
            track(recipe.name, recipe.steps) as advance,
        ):
            advance(state.step)
            net = group.wrapped(self.student.net)
            while state.step < recipe.steps:
                state.losses.append(self._step(net, itertools.islice(batches, len(parts)), parts))
                advance(1)
                if self._evaluates() or state.step % recipe.log_every == 0:
                    self._row(evaluation)
                elif group.size == 1 and self._is_due() and torch.stack(state.losses).isfinite().all():
                    self._save()
        if state.evaluated != state.step:  # a state of a shorter training
            self._evaluate(evaluation)

    def finish(self, labels: tuple[str, ...]) -> Result:
        """Write the final weights."""
        state, path = self.state, self.folder / WEIGHTS_FILE
        if self.group.first:
            state.save(self.folder)
            notes = {"recipe": self.recipe.to_dict(), "labels": labels, "mAP": state.mAP}
            write_weights(path, self._final(), notes, torch.float16 if self.recipe.half else torch.float32)
        self.group.gathered(None)  # no process goes on before the file is there
        return Result(path, state.mAP, state.loss, state.step, state.seconds)

    def _step(self, net: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], parts: Iterable[int]) -> Tensor:
        """One step of the optimizer; its mean loss over this process's clips."""
        recipe, state = self.recipe, self.state
        for options in self.optimizer.param_groups:
            options["lr"] = self._lr(state.step)
        losses, parts = [], list(parts)
        for part, clips in zip(parts, batches, strict=True):
            apart = self.group.size > 1 and part != parts[-1]
            with net.no_sync() if apart else contextlib.nullcontext():
                place, share = (state.step, part), 1 / len(parts)
                found = backward(self.student, net, recipe, self.front_end, clips, place, share, self.teacher)
            losses.append(found)
        self.optimizer.step()
        self.optimizer.zero_grad()
        state.step += 1
        if recipe.averaging.takes(state.step):
            state.average = with_another(state.average, state.averaged, self.student.net.state_dict())
            state.averaged += 1
        return torch.stack(losses).mean()

    def _lr(self, step: int) -> float:
        return self.recipe.lr * self.recipe.schedule.factor(step)

    def _final(self) -> dict[str, Tensor]:
        """What is evaluated and saved in the end: the average, where there is one, rounded as the file is."""
        final = self.state.average if self.state.averaged else self.student.net.state_dict()
        if not self.recipe.half:
            return final
        return {name: value.half().float() if value.is_floating_point() else value for name, value in final.items()}

    def _evaluates(self) -> bool:
        every, step = self.recipe.evaluate_every, self.state.step
        return step == self.recipe.steps or (every > 0 and step % every == 0)

    def _is_due(self) -> bool:
        return time.perf_counter() - self.saved > SAVE_SECONDS

    def _count(self) -> None:
        """Add the time that went by to the training's."""
        now = time.perf_counter()
        self.state.seconds += now - self.counted
        self.counted = now

    def _save(self) -> None:
        self._count()
        self.state.net, self.state.optimizer = self.student.net.state_dict(), self.optimizer.state_dict()
        self.state.save(self.folder)
        self.saved = time.perf_counter()

    def _evaluate(self, evaluation: Source) -> None:
        state = self.state
        found = evaluate(self.student, self._final(), self.recipe, evaluation, self.front_end, self.group, self.workers)
        state.mAP, state.evaluated = found, state.step
        self._count()
        logger.info("step %d: loss %.4f, mAP %.4f", state.step, state.loss, state.mAP)

    def _row(self, evaluation: Source) -> None:
        """A row of the log, the evaluation where it is time for one, and the state where it is time for that."""
        state, clips = self.state, (self.state.step - self.state.row_step) * self.recipe.batch
        found = self.group.gathered(torch.stack(state.losses).mean().item())
        self._count()
        clips_per_s = clips / (state.seconds - state.row_seconds)
        state.loss, state.losses = sum(found) / len(found), []
        if not math.isfinite(state.loss):
            raise ValueError(f"{self.folder}: the loss is {state.loss} at step {state.step}; a smaller lr may help")
        if now := self._evaluates():
            self._evaluate(evaluation)
        state.row_step, state.row_seconds = state.step, state.seconds
        if self.group.first:
            score, lr = state.mAP if now else "", self._lr(state.step - 1)
            log.append(self.folder, log.LogRow(state.step, state.loss, lr, score, clips_per_s, state.seconds))
            if now or self._is_due():
                self._save()
