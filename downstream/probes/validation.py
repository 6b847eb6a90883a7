"""Validate the probes of a pack: their losses and scores, from their logits.

On a CPU each probe is validated by itself, as `downstream.probes.fit.fit` does, when its result is asked for. In a
stacked program losses and scores are computed where the logits are, for many probes at once, and one small copy brings
them to the host. What only the host can score is scored there, by threads. On CUDA results may be asked for after the
next epochs have been trained: `Validator.ahead` tells how many validations may wait.
"""

import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from downstream.probes.features import to_float32
from downstream.probes.fit import Fitting
from downstream.probes.probe import probabilities_of
from downstream.probes.selection import Validation

AHEAD = 1
"""How many validations may wait for their results on CUDA, while training goes on.

One hides a validation behind the epochs that follow it. More would hide no more, as threads score the probes of a
validation side by side, but each keeps weights, and trains epochs that are void if a fit is over. The number is fixed,
rather than as many as happen to be ready: a pack's probes, and with them rounding, must not depend on timing.
"""
PIECE = 1 << 23  # logits that are validated at once, at about 40 bytes each

Logits = Sequence[tuple[Tensor, tuple[int, ...]]]
"""For each batch the logits (probes, labels, items), which may be padded, and how many items each probe has."""

Results = Mapping[int, Callable[[], Validation]]
"""The number of a fitting -> a function that waits for its validation."""


@dataclass
class Pending:
    """A validation whose results have not been asked for.

    Attributes:
        numbers: of the fittings that were validated, in the order of the probes.
        results: of these fittings.
        weights: for each program its tensors as they were validated.
        steps: that the programs had been trained for.
        seconds: of training since the validation before, and of validating so far.
    """

    numbers: tuple[int, ...]
    results: Results
    weights: list[dict[str, Tensor]]
    steps: int
    seconds: float = 0.0


class Validator:
    """Validates the probes of one pack. As a context it holds the threads that score, and ends them.

    Args:
        stacked: whether the probes are one program.

    Attributes:
        ahead: how many validations may wait for their results while training goes on.
    """

    def __init__(self, fittings: Sequence[Fitting], device: str, *, stacked: bool) -> None:
        self.fittings = fittings
        self.groups = _groups(fittings, device) if stacked else []
        self._pool = _pool(device)
        self.ahead = AHEAD if self._pool else 0

    def __enter__(self) -> "Validator":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    @torch.inference_mode()
    def begin(self, epoch: int, live: Sequence[int], logits: Logits) -> Results:
        """Begin a validation.

        Args:
            epoch: that was trained last.
            live: the numbers of the fittings whose logits these are, in their order.
        """
        if self.groups:
            return self._stacked(epoch, live, logits)
        return {number: self._later(partial(self._alone, epoch, number, i, logits)) for i, number in enumerate(live)}

    def _later(self, job: Callable[[], Validation]) -> Callable[[], Validation]:
        """Compute something in a thread; without threads, when its result is asked for."""
        return self._pool.submit(job).result if self._pool else job

    def _alone(self, epoch: int, number: int, place: int, logits: Logits) -> Validation:
        fitting = self.fittings[number]
        labels = fitting.valid.y.shape[1]
        rows = [batch[place, :labels, : items[place]].T for batch, items in logits]  # (items, labels), as of one probe
        return fitting.validation(epoch, torch.cat(rows))

    def _stacked(self, epoch: int, live: Sequence[int], logits: Logits) -> Results:
        """Launch what the device computes, and submit what the host does."""
        numbers: list[int] = []
        measured: list[Tensor] = []
        probabilities: dict[int, tuple[_Copy, int]] = {}
        for group in self.groups:
            places = [place for place, number in enumerate(live) if number in group.members]
            for piece in _pieces(places, group.targets.numel()):
                members, part = [live[place] for place in piece], cut(logits, piece, len(group.targets))
                if group.by_host:
                    copy = _Copy(group.probabilities(part).mT.contiguous())
                    probabilities |= {number: (copy, row) for row, number in enumerate(members)}
                measured.append(group.measure(part))
                numbers += members
        copy = _Copy(torch.cat(measured))
        results: dict[int, Callable[[], Validation]] = {}
        for row, number in enumerate(numbers):
            results[number] = partial(_by_device, epoch, copy, row)
            if number in probabilities:
                job = partial(_by_host, results[number], self.fittings[number], *probabilities[number])
                results[number] = self._later(job)
        return results


@dataclass(frozen=True)
class _Group:
    """Probes of one kind on equal targets, which are validated together.

    Attributes:
        members: the numbers of their fittings.
        prediction_type: of the fittings.
        by_loss: whether the loss selects.
        targets: (labels, items).
        score: computes the scores of many probes where they are; None if the host does, or the loss selects.
    """

    members: set[int]
    prediction_type: str
    by_loss: bool
    targets: Tensor
    score: Callable[[Tensor], Tensor] | None

    @property
    def by_host(self) -> bool:
        """Whether the host computes the scores."""
        return not (self.by_loss or self.score)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Turn logits (probes, labels, items) into predictions."""
        return probabilities_of(self.prediction_type)(logits)

    def measure(self, logits: Tensor) -> Tensor:
        """The mean loss and the score of each probe, (probes, 2); the loss twice where nothing else is computed."""
        if self.prediction_type == "multiclass":
            right = self.targets.argmax(dim=0).expand(len(logits), -1)
            losses = F.cross_entropy(logits, right, reduction="none")
        else:
            targets = self.targets.expand_as(logits)
            loss_of_each = F.mse_loss if self.prediction_type == "regression" else F.binary_cross_entropy_with_logits
            losses = loss_of_each(logits, targets, reduction="none").flatten(1)
        loss = losses.mean(dim=1, dtype=torch.float64)
        return torch.stack([loss, self.score(self.probabilities(logits)) if self.score else loss], dim=1)


class _Copy:
    """A copy of a tensor on its way to the host, where nothing waits for it until it is needed."""

    def __init__(self, values: Tensor) -> None:
        self._values, self._event, self._lock = values, None, threading.Lock()
        if values.device.type == "cuda":
            self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._event = torch.cuda.Event(blocking=True)
            self._event.record(torch.cuda.current_stream(values.device))

    def wait(self) -> Tensor:
        """The values, on the CPU."""
        with self._lock:
            if self._event:
                self._event.synchronize()
                self._event = None
        return self._values


def cut(logits: Logits, places: Sequence[int], labels: int) -> Tensor:
    """The logits of probes of equal size, without padding.

    Args:
        places: of the probes, ascending.
        labels: how many these probes have.

    Returns:
        (probes, labels, items) of all batches.
    """
    probes: slice | Tensor = slice(places[0], places[-1] + 1)
    if len(places) != places[-1] + 1 - places[0]:
        probes = index_of(places, logits[0][0].device)
    return torch.cat([batch[:, :labels, : items[places[0]]][probes] for batch, items in logits], dim=2)


def index_of(places: Sequence[int], device: torch.device) -> Tensor:
    """Places as an index on a device."""
    return to_device(torch.tensor(places), device)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy values to a device, without a wait."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def _by_device(epoch: int, measured: _Copy, row: int) -> Validation:
    loss, score = measured.wait()[row].tolist()
    return Validation(epoch, loss, score)


def _by_host(measured: Callable[[], Validation], fitting: Fitting, probabilities: _Copy, row: int) -> Validation:
    scores, postprocessing = fitting.score(probabilities.wait()[row].numpy())
    validation = measured()
    return Validation(validation.epoch, validation.loss, next(iter(scores.values())), postprocessing)


def _pieces(places: list[int], numbers: int) -> Iterator[list[int]]:
    """Divide probes, of so many logits each, into pieces."""
    size = max(1, PIECE // numbers)
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _groups(fittings: Sequence[Fitting], device: str) -> list[_Group]:
    """The groups of a pack's probes. Targets that are equal, as those of several embeddings, are kept once."""
    groups: dict[Hashable, _Group] = {}
    arrays: list[np.ndarray] = []
    for number, fitting in enumerate(fittings):
        y, by_loss = np.asarray(fitting.valid.y), fitting.selection.by_loss
        which = next((i for i, known in enumerate(arrays) if y is known or np.array_equal(y, known)), len(arrays))
        arrays += [y] if which == len(arrays) else []
        stacked_score = None if by_loss else fitting.stacked_score
        key = which, fitting.prediction_type, by_loss, stacked_score
        if key not in groups:
            targets = to_device(torch.from_numpy(to_float32(y.T)), torch.device(device))
            score = stacked_score(targets) if stacked_score else None
            groups[key] = _Group(set(), fitting.prediction_type, by_loss, targets, score)
        groups[key].members.add(number)
    return list(groups.values())


def _pool(device: str) -> Executor | None:
    """Threads that score while a device trains, one fewer than cores; none on a CPU, whose cores all train."""
    if torch.device(device).type != "cuda":
        return None
    return ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)) - 1), thread_name_prefix="scores")
