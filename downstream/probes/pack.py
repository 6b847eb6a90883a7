"""Packs: probes that are trained together, as one tensor program.

Probes of one architecture with equally many steps an epoch may share a pack, whatever their learning rate,
initialization, seed, features, labels and fold; `downstream.probes.packing` tells which do. A pack gives the same as
`downstream.probes.fit.fit` for each of its probes, but for rounding. On a CPU a pack has one source of features, and a
probe's numbers do not depend on the other probes of its pack.
"""

import dataclasses
import gc
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import closing

import torch
from torch import Tensor

from downstream.probes.features import ProbeData
from downstream.probes.feed import Feed
from downstream.probes.fit import Fit, Fitting
from downstream.probes.packing.memory import is_out_of_memory
from downstream.probes.packing.plan import packs_of
from downstream.probes.packing.shape import Shape
from downstream.probes.products import products_for
from downstream.probes.selection import EarlyStopping
from downstream.probes.stacked import StackedProbes

logger = logging.getLogger(__name__)

CPU_BYTES = 1 << 30  # for the probes of a pack, and as much again for features that are kept prepared
CUDA_SHARE = 0.4  # of the free memory, for each of the two

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


class _Pack:
    """The training of one pack.

    Attributes:
        live: the numbers of the fittings that are still trained.
        programs: their probes, in that order: one program for all, or one for each (`_together`).
    """

    def __init__(self, fittings: Sequence[Fitting], device: str) -> None:
        self.fittings, self.config, self.together = fittings, fittings[0].config, _together(device)
        self.live = list(range(len(fittings)))
        self.stopping = [EarlyStopping(fitting.selection, fitting.config.patience) for fitting in fittings]
        self.states: list[dict[str, Tensor]] = [{} for _ in fittings]
        self.seconds = [0.0] * len(fittings)
        products = products_for(device)
        sources = list(dict.fromkeys(map(_source, fittings)))
        owners = [sources.index(_source(fitting)) for fitting in fittings]
        firsts = [fittings[owners.index(number)] for number in range(len(sources))]

        def feed(data: list[ProbeData], budget: int, training: bool) -> Feed:
            program_owners = owners if self.together else owners[:1]
            return Feed(data, program_owners, self.config.batch_size, products, device, budget, training=training)

        budget = _budget(device)
        self.train = feed([fitting.train for fitting in firsts], budget, training=True)
        budget -= self.train.kept_bytes
        self.valid = feed(
            [dataclasses.replace(fitting.valid, shuffle=None) for fitting in firsts], budget, training=False
        )
        probes = [(fitting.probe(device), fitting.config) for fitting in fittings]
        groups = [probes] if self.together else [[probe] for probe in probes]
        self.programs = [StackedProbes(group, fittings[0].prediction_type, products) for group in groups]

    def run(self, done: Done) -> None:
        """Train until all fits have ended."""
        every = self.config.check_val_every_n_epoch
        for last in range(every, self.config.max_epochs + 1, every):  # later epochs would change nothing
            start = time.perf_counter()
            self._train(range(last - every, last))
            over = self._validate(last - 1)
            for number in self.live:
                self.seconds[number] += (time.perf_counter() - start) / len(self.live)
            if over:
                self._end(over, done)
            if not self.live:
                return
        self._end(list(self.live), done)

    def _train(self, epochs: range) -> None:
        """Train for some epochs.

        Program after program, which keeps its probes in the cache; batch after batch if batches are not kept.
        """
        groups = [[program] for program in self.programs] if self.train.resident else [self.programs]
        for programs in groups:
            for epoch in epochs:
                with closing(self.train.epoch(epoch)) as batches:  # not left to garbage collection, as it has a thread
                    for batch in batches:
                        for program in programs:
                            program.step(batch)

    def _validate(self, epoch: int) -> list[int]:
        """Validate all probes; return the fittings that end with this validation."""
        places = [(program, probe) for program in self.programs for probe in range(len(program))]
        for number, logits, (program, probe) in zip(self.live, self._logits(), places, strict=True):
            if self.stopping[number].see(self.fittings[number].validation(epoch, logits)):
                self.states[number] = program.state(probe)
        return [number for number in self.live if self.stopping[number].over]

    def _end(self, over: list[int], done: Done) -> None:
        """End these fittings; the others continue."""
        for number in over:
            stopping, config, seconds = self.stopping[number], self.fittings[number].config, self.seconds[number]
            state = {name: value.cpu() for name, value in self.states[number].items()}  # the memory is for other packs
            self.states[number] = {}
            done(number, Fit(config, tuple(stopping.validations), stopping.best, state, seconds))
        going = [place for place, number in enumerate(self.live) if number not in over]
        self.live = [self.live[place] for place in going]
        if not self.together:
            self.programs = [self.programs[place] for place in going]
        elif going:
            self.programs[0].select(going)
            self.train.select(going)
            self.valid.select(going)

    def _logits(self) -> list[Tensor]:
        """The logits (items, labels) of each live probe on the validation split, on the CPU."""
        parts: list[list[Tensor]] = [[] for _ in self.live]
        with closing(self.valid.epoch(0)) as batches:
            for batch in batches:
                all_logits = torch.cat([program.logits(batch) for program in self.programs])
                items = batch.items if self.together else batch.items * len(self.live)
                for part, logits, count, labels in zip(parts, all_logits, items, self._labels(), strict=True):
                    part.append(logits[:labels, :count].T)
        if not self.together:
            return [torch.cat(parts.pop(0)) for _ in self.live]  # each part is freed when it is concatenated
        whole = torch.cat([rows.flatten() for part in parts for rows in part]).cpu()  # one copy for all
        split = torch.split(whole, [sum(rows.numel() for rows in part) for part in parts])
        return [logits.view(-1, labels) for logits, labels in zip(split, self._labels(), strict=True)]

    def _labels(self) -> list[int]:
        """How many labels each live probe has."""
        return [self.fittings[number].valid.y.shape[1] for number in self.live]


def _source(fitting: Fitting) -> tuple[Hashable, ...]:
    """The source of the data: equal for fittings on the same data."""
    return tuple(data.key or id(data) for data in (fitting.train, fitting.valid))


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
    kind = architecture, fitting.prediction_type, steps, validation_steps, None if _together(device) else source
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
        resident=train.shuffle is None,
    )


def _budget(device: str) -> int:
    """Bytes for the probes of a pack, and as many for prepared features."""
    if torch.device(device).type != "cuda":
        return CPU_BYTES
    free: int = torch.cuda.mem_get_info(device)[0]
    reserved: int = torch.cuda.memory_reserved(device)
    allocated: int = torch.cuda.memory_allocated(device)
    return int(CUDA_SHARE * (free + reserved - allocated))
