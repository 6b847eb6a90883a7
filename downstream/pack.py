"""Packs: probes that are trained together, as one tensor program.

Probes of one architecture that take as many steps an epoch share a pack, whatever their learning rate, initialization,
seed, features and fold. A pack gives what `downstream.fit.fit` gives for each of its probes, but for rounding. On a
CPU a pack is of one source of features, and a probe's numbers do not depend on what else is in its pack.
"""

import dataclasses
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

import torch
from torch import Tensor

from downstream.feed import Feed
from downstream.fit import Fit, Fitting
from downstream.products import products_for
from downstream.rows import ProbeData
from downstream.selection import EarlyStopping
from downstream.stacked import StackedProbes

logger = logging.getLogger(__name__)

CPU_BYTES = 1 << 30  # for the probes of a pack, and as much for features that are kept prepared
CUDA_SHARE = 0.4  # of the free memory, for each of the two
COPIES = 5  # of a probe's parameters: themselves, gradients, two moments, the best
ACTIVATIONS = 6  # of (hidden units, items) a hidden layer, at the same time

Done = Callable[[int], None]


def fit_all(fittings: Sequence[Fitting], device: str = "cpu", done: Done = lambda fits: None) -> list[Fit]:
    """Every fit, in the given order, in as few packs as the memory allows.

    Args:
        done: called with the number of fits that have ended, whenever some have.
    """
    found: dict[int, Fit] = {}
    for members in plan(fittings, device):
        found |= dict(zip(members, _fit([fittings[i] for i in members], device, done), strict=True))
    return [found[i] for i in range(len(fittings))]


def plan(fittings: Sequence[Fitting], device: str) -> list[list[int]]:
    """The packs, as numbers of fittings: those of one kind by source and learning rate, cut where memory ends."""
    kinds: dict[Hashable, list[int]] = defaultdict(list)
    for number, fitting in enumerate(fittings):
        kinds[_kind(fitting, device)].append(number)
    packs = []
    for members in kinds.values():
        sources = list(dict.fromkeys(_source(fittings[i]) for i in members))
        members.sort(key=lambda i, order=sources: (order.index(_source(fittings[i])), fittings[i].config.lr))
        most = max(1, _room(device) // _bytes_of_probe(fittings[members[0]]))
        packs += [members[start : start + most] for start in range(0, len(members), most)]
    return packs


def _fit(fittings: Sequence[Fitting], device: str, done: Done) -> list[Fit]:
    """One pack; in halves where it does not fit."""
    try:
        return _Pack(fittings, device).run(done)
    except torch.OutOfMemoryError:
        if len(fittings) == 1:
            raise
    torch.cuda.empty_cache()  # here and not above, where the error still holds on to the tensors
    half = len(fittings) // 2
    logger.warning("out of memory with %d probes at once: going on with %d", len(fittings), half)
    return _fit(fittings[:half], device, done) + _fit(fittings[half:], device, done)


class _Pack:
    """The training of one pack.

    Attributes:
        live: the numbers of the fittings that go on.
        programs: their probes, in that order: all in one program, or one program each (`_together`).
    """

    def __init__(self, fittings: Sequence[Fitting], device: str) -> None:
        self.fittings, self.config, self.together = fittings, fittings[0].config, _together(device)
        self.live = list(range(len(fittings)))
        self.stopping = [EarlyStopping(fitting.selection, fitting.config.patience) for fitting in fittings]
        self.states: list[dict[str, Tensor]] = [{} for _ in fittings]
        products = products_for(device)
        sources = list(dict.fromkeys(map(_source, fittings)))
        owners = [sources.index(_source(fitting)) for fitting in fittings]
        firsts = [fittings[owners.index(number)] for number in range(len(sources))]

        def feed(data: list[ProbeData], training: bool) -> Feed:
            own = owners if self.together else owners[:1]
            return Feed(data, own, self.config.batch_size, products, device, _room(device), training=training)

        self.train = feed([fitting.train for fitting in firsts], training=True)
        self.valid = feed([dataclasses.replace(fitting.valid, shuffle=None) for fitting in firsts], training=False)
        probes = [(fitting.probe(device), fitting.config) for fitting in fittings]
        groups = [probes] if self.together else [[probe] for probe in probes]
        self.programs = [StackedProbes(group, fittings[0].prediction_type, products) for group in groups]

    def run(self, done: Done) -> list[Fit]:
        start, every = time.perf_counter(), self.config.check_val_every_n_epoch
        for first in range(0, self.config.max_epochs, every):
            epochs = range(first, min(first + every, self.config.max_epochs))
            self._train(epochs)
            if len(epochs) == every:
                done(self._validate(epochs[-1]))
            if not self.live:
                break
        done(len(self.live))
        return list(self._fits(time.perf_counter() - start))

    def _train(self, epochs: range) -> None:
        """Program after program, so that its probes stay in the cache; or batch after batch, where these are read."""
        groups = [[program] for program in self.programs] if self.train.resident else [self.programs]
        for programs in groups:
            for epoch in epochs:
                for batch in self.train.epoch(epoch):
                    for program in programs:
                        program.step(batch)

    def _validate(self, epoch: int) -> int:
        """How many fits ended with this validation."""
        places = [(program, probe) for program in self.programs for probe in range(len(program))]
        for number, logits, (program, probe) in zip(self.live, self._logits(), places, strict=True):
            if self.stopping[number].see(self.fittings[number].validation(epoch, logits)):
                self.states[number] = program.state(probe)
        going = [place for place, number in enumerate(self.live) if not self.stopping[number].over]
        ended = len(self.live) - len(going)
        if ended:
            self._select(going)
        return ended

    def _select(self, going: list[int]) -> None:
        """Only the probes at these places go on."""
        self.live = [self.live[place] for place in going]
        if not self.together:
            self.programs = [self.programs[place] for place in going]
        elif going:
            for part in (*self.programs, self.train, self.valid):
                part.select(going)

    def _logits(self) -> list[Tensor]:
        """On the validation split, of each probe that goes on (items, labels), on the CPU."""
        parts: list[list[Tensor]] = [[] for _ in self.live]
        for batch in self.valid.epoch(0):
            found = torch.cat([program.logits(batch) for program in self.programs])
            items = batch.items if self.together else batch.items * len(self.live)
            for part, logits, count in zip(parts, found, items, strict=True):
                part.append(logits[:, :count].T)
        whole = torch.cat([rows for part in parts for rows in part]).cpu()  # one copy for all
        return list(whole.split([sum(map(len, part)) for part in parts]))

    def _fits(self, seconds: float) -> Iterator[Fit]:
        epochs = [stopping.validations[-1].epoch + 1 for stopping in self.stopping]
        for fitting, stopping, state, own in zip(self.fittings, self.stopping, self.states, epochs, strict=True):
            share = seconds * own / sum(epochs)
            yield Fit(fitting.config, tuple(stopping.validations), stopping.best, state, share)


def _source(fitting: Fitting) -> tuple[int, int]:
    return id(fitting.train), id(fitting.valid)


def _together(device: str) -> bool:
    """Whether a pack is one program: on a CPU nothing is gained by that, and caches hold only so much."""
    return torch.device(device).type != "cpu"


def _kind(fitting: Fitting, device: str) -> Hashable:
    """What has to be equal in a pack."""
    architecture = dataclasses.replace(fitting.config, lr=0.0, init="xavier_uniform")
    shape = fitting.train.x.shape[1], fitting.train.y.shape[1], fitting.prediction_type
    size = fitting.config.batch_size
    steps = [
        sum(1 for _ in data.batches(size, training=training))
        for data, training in ((fitting.train, True), (fitting.valid, False))
    ]
    return architecture, shape, *steps, None if _together(device) else _source(fitting)


def _bytes_of_probe(fitting: Fitting) -> int:
    config, dim = fitting.config, fitting.train.x.shape[1]
    numbers = 0
    for _ in range(config.hidden_layers):
        numbers += COPIES * dim * config.hidden_dim + ACTIVATIONS * config.hidden_dim * config.batch_size
        dim = config.hidden_dim
    return 4 * (numbers + COPIES * dim * fitting.train.y.shape[1])


def _room(device: str) -> int:
    """Bytes for the probes of a pack, or for features that stay."""
    if torch.device(device).type != "cuda":
        return CPU_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return int(CUDA_SHARE * (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)))
