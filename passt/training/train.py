"""The training loop. A training that was killed and resumed reaches the same weights."""

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
from torch.nn.parallel import DistributedDataParallel

from passt.devices import is_out_of_memory
from passt.fetch.transfer import Track, silent
from passt.network.precision import PRECISIONS, precision_for
from passt.training.average import with_another
from passt.training.checks import check
from passt.training.data.prefetch import read_ahead
from passt.training.data.source import Source
from passt.training.declared.recipe import PASST, Recipe
from passt.training.evaluate import evaluate
from passt.training.folder import log
from passt.training.folder.claim import claim
from passt.training.folder.state import WEIGHTS_FILE, State, write_weights
from passt.training.group import Group, processes
from passt.training.linear import use_fastest
from passt.training.loss import Teacher
from passt.training.step import backward
from passt.training.student import Student, passt_student
from passt.weights.training_notes import TrainingNotes
from passt.windows.mel import MelSpectrogram

SAVE_SECONDS = 60.0  # least time between two saved states

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """The result of a training.

    Attributes:
        weights: safetensors file of the averaged weights, or of the last weights if none were averaged.
        mAP: mean average precision of these weights on the evaluation clips.
        loss: last loss in the log.
        steps: steps of the optimizer.
        seconds: duration of all runs together.
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
    """Train a network by a recipe. A state in `folder` is resumed.

    Under torchrun each process takes its share of the micro-batches, and the first process writes files.

    Args:
        recipe: decides the weights, together with the clips.
        source: clips to train on.
        evaluation: clips to evaluate on, with the same labels.
        folder: folder of the training; see `passt.training.folder`.
        device: a torch device.
        track: shows the progress in steps.
        student: the network with its initial weights. None is the recipe's PaSST.
        teacher: labels the audio, if the recipe distills.
        workers: threads that read clips ahead. With 0 the training reads them itself.

    Raises:
        ValueError: clips, labels, recipe and network do not fit together, the folder belongs to another training, there
            is no such device, or the loss is not finite.
        MemoryError: a micro-batch does not fit the memory.
    """
    folder = Path(folder)
    if student is None:
        if recipe.network != PASST:
            raise ValueError(f"recipe: network {recipe.network!r} must be given as a student")
        student = passt_student(recipe, len(source.labels))
    check(recipe, source, evaluation, student, teacher)
    with processes(device) as group:
        precision_for(recipe.precision, group.device)
        if recipe.parts % group.size:
            raise ValueError(
                f"recipe: a step's micro-batches must be a multiple of the {group.size} processes, got {recipe.parts}"
            )
        if group.first:
            claim(folder, recipe, source.labels)
        group.gathered(None)  # all processes wait until the folder is claimed
        try:
            training = _Training(recipe, student, folder, group, teacher, workers)
            training.resume(State.load(folder))
            training.run(source, evaluation, track if group.first else silent)
            return training.finish(source.labels)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            clips = f"{recipe.parts_of} clips of {recipe.clips.seconds:g} s do not fit the memory of {group.device}"
            raise MemoryError(f"{recipe.name}: {clips}; a smaller micro_batch takes less") from None


class _Training:
    """A training in progress: the network, its optimizer and its state."""

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

    def resume(self, state: State | None) -> None:
        """Resume from a saved state, if there is one."""
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
        """Take the remaining steps, with evaluations, rows of the log and saved states between them."""
        recipe, state, group = self.recipe, self.state, self.group
        if group.first:
            log.begin(self.folder, state.step)
        if state.step == 0 and recipe.start == "file" and recipe.evaluate_every:
            self._first_row(evaluation)
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
        if state.evaluated != state.step:  # resumed from a training that ended here without an evaluation
            self._evaluate(evaluation)

    def finish(self, labels: tuple[str, ...]) -> Result:
        """Write the final weights."""
        state, path = self.state, self.folder / WEIGHTS_FILE
        if self.group.first:
            state.save(self.folder)
            notes = TrainingNotes(self.recipe.to_dict(), labels, state.mAP)
            write_weights(path, self._final(), notes, torch.float16 if self.recipe.half else torch.float32)
        self.group.gathered(None)  # all processes wait until the file is written
        return Result(path, state.mAP, state.loss, state.step, state.seconds)

    def _step(self, net: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], parts: Iterable[int]) -> Tensor:
        """Take one step of the optimizer, and return the mean loss over this process's clips."""
        recipe, state = self.recipe, self.state
        for options in self.optimizer.param_groups:
            options["lr"] = self._lr(state.step)
        losses, parts = [], list(parts)
        for part, clips in zip(parts, batches, strict=True):
            waits: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
            if isinstance(net, DistributedDataParallel) and part != parts[-1]:
                waits = net.no_sync()  # gradients are exchanged once, after the last micro-batch
            with waits:
                place, share = (state.step, part), 1 / len(parts)
                loss = backward(self.student, net, recipe, self.front_end, clips, place, share, self.teacher)
            losses.append(loss)
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
        """Give the tensors to evaluate and save: the average, if any, rounded as in the file."""
        final = self.state.average if self.state.averaged else self.student.net.state_dict()
        if not self.recipe.half:
            return final
        return {name: value.half().float() if value.is_floating_point() else value for name, value in final.items()}

    def _evaluates(self) -> bool:
        every, step = self.recipe.evaluate_every, self.state.step
        return step == self.recipe.steps or (every > 0 and step % every == 0)

    def _is_due(self) -> bool:
        return time.perf_counter() - self.saved > SAVE_SECONDS

    def _count_time(self) -> None:
        """Add the time since the last call to the duration of the training."""
        now = time.perf_counter()
        self.state.seconds += now - self.counted
        self.counted = now

    def _save(self) -> None:
        self._count_time()
        self.state.net, self.state.optimizer = self.student.net.state_dict(), self.optimizer.state_dict()
        self.state.save(self.folder)
        self.saved = time.perf_counter()

    def _evaluate(self, evaluation: Source) -> None:
        state = self.state
        final = self._final()
        state.mAP = evaluate(self.student, final, self.recipe, evaluation, self.front_end, self.group, self.workers)
        state.evaluated = state.step
        self._count_time()
        loss = f"loss {state.loss:.4f}, " if state.step else ""
        logger.info("step %d: %smAP %.4f", state.step, loss, state.mAP)

    def _first_row(self, evaluation: Source) -> None:
        """Begin the log with the score of the weights that the training starts from."""
        self._evaluate(evaluation)
        self.state.row_seconds = self.state.seconds
        if self.group.first:
            log.append(self.folder, log.LogRow(0, "", self._lr(0), self.state.mAP, "", self.state.seconds))

    def _row(self, evaluation: Source) -> None:
        """Add a row to the log; evaluate first and save the state afterwards, if they are due."""
        state, clips = self.state, (self.state.step - self.state.row_step) * self.recipe.batch
        losses = self.group.gathered(torch.stack(state.losses).mean().item())
        self._count_time()
        clips_per_s = clips / (state.seconds - state.row_seconds)
        state.loss, state.losses = sum(losses) / len(losses), []
        if not math.isfinite(state.loss):
            raise ValueError(f"{self.folder}: the loss is {state.loss} at step {state.step}; a smaller lr may help")
        if evaluates := self._evaluates():
            self._evaluate(evaluation)
        state.row_step, state.row_seconds = state.step, state.seconds
        if self.group.first:
            score, lr = state.mAP if evaluates else "", self._lr(state.step - 1)
            log.append(self.folder, log.LogRow(state.step, state.loss, lr, score, clips_per_s, state.seconds))
            if evaluates or self._is_due():
                self._save()
