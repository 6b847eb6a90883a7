"""Packs: probes that are trained together, as one tensor program.

Probes of one architecture with equally many steps an epoch may share a pack, whatever their learning rate,
initialization, seed, features, labels and fold; `downstream.probes.packing` tells which do. A pack gives the same as
`downstream.probes.fit.fit` for each of its probes, but for rounding. On a CPU a pack has one source of features, and a
probe's numbers do not depend on the other probes of its pack.
"""

import copy
import dataclasses
import gc
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import closing

import torch
from torch import Tensor

from downstream.pooling.learned import Program, program_of
from downstream.probes.arithmetic import arithmetic
from downstream.probes.features import ProbeData
from downstream.probes.feed import Feed
from downstream.probes.fit import Fit, Fitting
from downstream.probes.graphs import Epochs
from downstream.probes.packing.memory import is_out_of_memory
from downstream.probes.packing.plan import packs_of
from downstream.probes.packing.shape import FrontSize, Shape
from downstream.probes.products import products_for
from downstream.probes.selection import EarlyStopping
from downstream.probes.stacked import StackedProbes
from downstream.probes.validation import AHEAD, Logits, Pending, Validator, index_of

logger = logging.getLogger(__name__)

CPU_BYTES = 1 << 30  # for the probes of a pack, and as much again for features that are kept prepared
CUDA_SHARE = 0.4  # of the free memory, for each of the two
COPIES = 5 + 1 + AHEAD  # of a probe's parameters: they, gradients, two moments, the best, and pending validations'

Done = Callable[[int, Fit], None]
"""Called with the number of each fit, and the fit, as soon as it has ended."""


def _ignore(number: int, fit: Fit) -> None:
    pass


def fit_all(fittings: Sequence[Fitting], device: str = "cpu", done: Done = _ignore) -> list[Fit]:
    """Train probes in as few packs as the memory allows; return their fits, in the same order."""
    fits: dict[int, Fit] = {}

    def ended(number: int, fit: Fit) -> None:
        fits[number] = fit
        done(number, fit)

    for members in plan(fittings, device):
        _fit(fittings, members, device, ended)
    return [fits[number] for number in range(len(fittings))]


def plan(fittings: Sequence[Fitting], device: str) -> list[list[int]]:
    """Divide fittings into packs, each sorted by source and learning rate.

    Returns:
        The numbers of the fittings in each pack.
    """
    return packs_of([_shape(fitting, device) for fitting in fittings], _budget(device))


def _fit(fittings: Sequence[Fitting], members: list[int], device: str, done: Done) -> None:
    """Train one pack; in halves if it does not fit the memory."""
    ended: list[int] = []

    def note(place: int, fit: Fit) -> None:
        ended.append(place)
        done(members[place], fit)

    try:
        with arithmetic(fittings[members[0]].matmul):
            _Pack([fittings[number] for number in members], device).run(note)
        return
    except RuntimeError as error:
        if len(members) == 1 or not is_out_of_memory(error):
            raise
    gc.collect()  # an error in the thread that reads ahead refers to itself, and to the pack
    torch.cuda.empty_cache()  # not above, where the error still refers to the tensors
    remaining = [number for place, number in enumerate(members) if place not in ended]
    half = -(-len(remaining) // 2)
    logger.warning("out of memory with %d probes at once: continuing with %d", len(members), half)
    for part in (remaining[:half], remaining[half:]):
        if part:
            _fit(fittings, part, device, done)


class BestWeights:
    """The weights of the best validation of each probe of a program."""

    def __init__(self, program: StackedProbes) -> None:
        self._program = program
        self._tensors: dict[str, Tensor] = {}
        self._steps = [0] * len(program)

    def keep(self, tensors: Mapping[str, Tensor], steps: int, validated: Sequence[int], places: Sequence[int]) -> None:
        """Keep the weights of some probes; the first time, of all.

        Args:
            tensors: of the program when it was validated.
            steps: that it had been trained for.
            validated: the places of the probes in these tensors.
            places: their places in the program now.
        """
        if not places:
            return
        device = next(iter(tensors.values())).device
        source = index_of(validated, device)
        kept = {name: values.index_select(0, source) for name, values in tensors.items()}
        if len(places) == len(self._steps):
            self._tensors = kept
        else:
            target = index_of(places, device)
            for name, values in kept.items():
                self._tensors[name].index_copy_(0, target, values)
        for place in places:
            self._steps[place] = steps

    def state(self, place: int) -> dict[str, Tensor]:
        """The state dict of one probe, on the device."""
        view = copy.copy(self._program)
        view.tensors, view.steps = self._tensors, self._steps[place]
        return view.state(place)

    def select(self, places: Sequence[int]) -> None:
        """Keep only these probes."""
        index = index_of(places, next(iter(self._tensors.values())).device)
        self._tensors = {name: values.index_select(0, index) for name, values in self._tensors.items()}
        self._steps = [self._steps[place] for place in places]


class _Pack:
    """The training of one pack.

    On CUDA, training runs ahead of validations (`downstream.probes.validation`). What it did for a fit that turns out
    to be over is void: every fit is as if each validation had been waited for.

    Attributes:
        live: the numbers of the fittings that are still trained.
        programs: their probes, in that order: one program for all, or one for each (`_together`).
        best: for each program the weights of the best validations.
    """

    def __init__(self, fittings: Sequence[Fitting], device: str) -> None:
        self.fittings, self.config, self.together = fittings, fittings[0].config, _together(device)
        self.live = list(range(len(fittings)))
        self.stopping = [EarlyStopping(fitting.selection, fitting.config.patience) for fitting in fittings]
        self.seconds = [0.0] * len(fittings)
        products, front = products_for(device), _front(fittings[0])
        sources = list(dict.fromkeys(map(_source, fittings)))
        owners = [sources.index(_source(fitting)) for fitting in fittings]
        firsts = [fittings[owners.index(number)] for number in range(len(sources))]

        def feed(data: list[ProbeData], budget: int, training: bool) -> Feed:
            program_owners = owners if self.together else owners[:1]
            size = self.config.batch_size
            return Feed(data, program_owners, size, front or products, device, budget, training=training)

        budget = _budget(device)
        self.train = feed([fitting.train for fitting in firsts], budget, training=True)
        budget -= self.train.kept_bytes
        self.valid = feed(
            [dataclasses.replace(fitting.valid, shuffle=None) for fitting in firsts], budget, training=False
        )
        probes = [(fitting.probe(device), fitting.config) for fitting in fittings]
        groups = [probes] if self.together else [[probe] for probe in probes]
        self.programs = [StackedProbes(group, fittings[0].prediction_type, products) for group in groups]
        self.epochs = Epochs(self.programs[0], self.train, device) if self.together else None
        self.best = [BestWeights(program) for program in self.programs]
        self.validator = Validator(fittings, device, stacked=self.together)

    def run(self, done: Done) -> None:
        """Train until all fits have ended."""
        every = self.config.check_val_every_n_epoch
        pending: deque[Pending] = deque()
        with self.validator:
            for last in range(every, self.config.max_epochs + 1, every):  # later epochs would change nothing
                start = time.perf_counter()
                self._train(range(last - every, last))
                pending.append(self._validate(last - 1))
                pending[-1].seconds = time.perf_counter() - start
                if len(pending) > self.validator.ahead:
                    self._settle(pending.popleft(), done)
                if not self.live:
                    return
            while pending and self.live:
                self._settle(pending.popleft(), done)
        self._end(list(self.live), done)

    def _train(self, epochs: range) -> None:
        """Train for some epochs.

        Program after program, which keeps its probes in the cache; batch after batch if batches are not kept.
        """
        if self.epochs:
            certain = min(map(self._certain, self.live))
            for epoch in epochs:
                self.epochs.train(epoch, min(certain, self.config.max_epochs - epoch))
            return
        groups = [[program] for program in self.programs] if self.train.resident else [self.programs]
        for programs in groups:
            for epoch in epochs:
                with closing(self.train.epoch(epoch)) as batches:  # not left to garbage collection, as it has a thread
                    for batch in batches:
                        for program in programs:
                            program.step(batch)

    def _certain(self, number: int) -> int:
        """How many epochs a fitting is sure to be trained for, if no score is NaN and no limit comes before."""
        stopping, every = self.stopping[number], self.config.check_val_every_n_epoch
        waited = (stopping.validations[-1].epoch - stopping.best.epoch) // every if stopping.validations else 0
        return every * (self.config.patience - waited)

    def _validate(self, epoch: int) -> Pending:
        """Begin to validate all probes; keep a copy of their weights if they are trained on meanwhile."""
        results = self.validator.begin(epoch, self.live, self._logits())
        weights = [program.tensors for program in self.programs]
        if self.validator.ahead:
            weights = [{name: values.clone() for name, values in tensors.items()} for tensors in weights]
        return Pending(tuple(self.live), results, weights, self.programs[0].steps)

    def _settle(self, pending: Pending, done: Done) -> None:
        """Wait for a validation; end the fittings that end with it."""
        start = time.perf_counter()
        results = {number: pending.results[number]() for number in self.live}  # what has ended is not asked for
        improved = [number for number in self.live if self.stopping[number].see(results[number])]
        self._keep(improved, pending)
        seconds = pending.seconds + time.perf_counter() - start
        for number in self.live:
            self.seconds[number] += seconds / len(self.live)
        over = [number for number in self.live if self.stopping[number].over]
        if over:
            self._end(over, done)

    def _keep(self, improved: Sequence[int], pending: Pending) -> None:
        """Keep the weights of these fittings as their best."""
        then = [pending.numbers.index(number) for number in improved]
        now = [self.live.index(number) for number in improved]
        if self.together:
            self.best[0].keep(pending.weights[0], pending.steps, then, now)
        else:
            for validation, program in zip(then, now, strict=True):
                self.best[program].keep(pending.weights[validation], pending.steps, [0], [0])

    def _end(self, over: list[int], done: Done) -> None:
        """End these fittings; the others continue."""
        for number in over:
            stopping, fitting, seconds = self.stopping[number], self.fittings[number], self.seconds[number]
            place = self.live.index(number)
            best, place = (self.best[0], place) if self.together else (self.best[place], 0)
            state = {name: value.cpu() for name, value in best.state(place).items()}  # the memory is for other packs
            seen = tuple(stopping.validations)
            done(number, Fit(fitting.config, seen, stopping.best, state, seconds, fitting.pooling))
        going = [place for place, number in enumerate(self.live) if number not in over]
        self.live = [self.live[place] for place in going]
        if not self.together:
            self.programs = [self.programs[place] for place in going]
            self.best = [self.best[place] for place in going]
        elif going:
            for part in (self.programs[0], self.best[0], self.train, self.valid):
                part.select(going)

    def _logits(self) -> Logits:
        """For each batch of the validation split the logits of all live probes, and how many items each has."""
        logits = []
        with closing(self.valid.epoch(0)) as batches:
            for batch in batches:
                items = batch.items if self.together else batch.items * len(self.live)
                logits.append((torch.cat([program.logits(batch) for program in self.programs]), items))
        return logits


def _source(fitting: Fitting) -> tuple[Hashable, ...]:
    """The source of the data: equal for fittings on the same data."""
    return tuple(data.key or id(data) for data in (fitting.train, fitting.valid))


def _front(fitting: Fitting) -> Program | None:
    """The learned pooling in front of a probe."""
    shape = fitting.train.x.shape[1], fitting.train.y.shape[1]
    return program_of(fitting.pooling, *shape) if fitting.pooling else None


def _together(device: str) -> bool:
    """Whether a pack is one program: not on a CPU, where that gains nothing and overflows the caches."""
    return torch.device(device).type != "cpu"


def _shape(fitting: Fitting, device: str) -> Shape:
    """The sizes of a fitting. On a CPU no two sources share a pack."""
    config, train, valid = fitting.config, fitting.train, fitting.valid
    steps, validation_steps = (
        sum(1 for _ in data.batches(config.batch_size, training=training))
        for data, training in ((train, True), (valid, False))
    )
    architecture = dataclasses.replace(config, lr=0.0, init="xavier_uniform")
    source = _source(fitting)
    alone = None if _together(device) else source
    kind: tuple[Hashable, ...] = architecture, fitting.prediction_type, fitting.matmul, steps, validation_steps, alone
    front = _front(fitting)
    sizes = None
    if front:  # it stands in the kind, so that features are not padded, whose parts would no longer lie where they do
        kind = *kind, front
        weights = sum(map(math.prod, front.shapes.values()))
        sizes = FrontSize(front.dim, weights, front.values, front.macs)
    return Shape(
        kind,
        source,
        train.x.shape[1],
        train.y.shape[1],
        len(train.y),
        len(valid.y),
        steps,
        config.hidden_layers,
        config.hidden_dim,
        config.batch_size,
        config.lr,
        COPIES,
        resident=train.shuffle is None,
        front=sizes,
    )


def _budget(device: str) -> int:
    """Bytes for the probes of a pack, and as many for prepared features."""
    if torch.device(device).type != "cuda":
        return CPU_BYTES
    free: int = torch.cuda.mem_get_info(device)[0]
    reserved: int = torch.cuda.memory_reserved(device)
    allocated: int = torch.cuda.memory_allocated(device)
    return int(CUDA_SHARE * (free + reserved - allocated))
