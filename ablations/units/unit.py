"""The work list of a study: its units, and how shards divide them.

A unit is the models of one embedder group (a checkpoint with its weights, or several side by side) on one task. All
their taps are extracted together, and their probes share packs. Engines may execute units in any order and in any
process.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ablations.models import cost
from ablations.study.study import Model, Study
from ablations.system.compute import Machine
from ablations.system.errors import one_line
from ablations.tasks import names
from ablations.tasks.names import NamedTask
from ablations.units.outcome import Failure
from ablations.units.where import Where
from downstream.disk.fields import choice
from downstream.probes.protocol import Protocol
from downstream.tasks.limited import limited
from passt.catalog.spec import Tap
from passt.catalog.spec_text import FUSED
from passt.network.precision import PRECISIONS

CLIP_S = 10.0  # of a clip, if the task does not say
STEPS_A_SECOND = 20  # of timestamps, about
PROBES_GMACS = 4.0  # of all fits an item: 8 of 120 epochs on 1295 features, forward and backward
MODULE_GMACS = 20.0  # of a HEAR module for 10 s of sound, which nobody knows

Single = tuple[str, str, str]
"""Checkpoint, weights and interpreter: models that are equal in these share an embedder."""
Group = tuple[Single, ...]
"""What the parts of a model share with those of others: models of one group share all their embedders."""


@dataclass(frozen=True)
class Settings:
    """How a study is run; the same for all its units.

    Attributes:
        study: what is run.
        folder: runs/<study>, where its rows go.
        store: the folder of embeddings.
        device: "cpu" or "cuda".
        precision: fp32, tf32 or bf16.
        compiled: whether torch.compile makes the code of models that allow it.
    """

    study: Study
    folder: Path
    store: Path
    device: str
    precision: str = "fp32"
    compiled: bool = False

    def __post_init__(self) -> None:
        choice(self.precision, "precision", PRECISIONS)

    @classmethod
    def of(cls, study: Study, where: Where, machine: Machine, device: str) -> "Settings":
        """The settings of a run, with nothing left open.

        Args:
            study: what is run.
            where: its folders.
            machine: the precision, in place of the study's, and whether to compile.
            device: the one that the engine chose.
        """
        precision = machine.precision or study.precision
        return cls(study, where.runs / study.name, where.store, device, precision, machine.compiled)


@dataclass(frozen=True)
class Unit:
    """The models of one embedder group on one task folder, with all seeds."""

    models: tuple[Model, ...]
    named: NamedTask
    seeds: tuple[int, ...]

    @property
    def group(self) -> Group:
        """The embedder group of its models."""
        return group_of(self.models[0])

    @property
    def key(self) -> tuple[Group, Path]:
        """What tells it from the study's other units."""
        return self.group, self.named.task.place

    @property
    def rows(self) -> int:
        """The number of pairs (model, seed)."""
        return len(self.models) * len(self.seeds)

    @property
    def clips(self) -> int:
        """The number of the task's clips."""
        return sum(map(len, self.named.task.items.values()))

    @property
    def weight(self) -> float:
        """A rough amount of work in 10^9 multiply-adds, from the study and the task's metadata."""
        seconds = float(self.named.task.metadata.get("sample_duration") or CLIP_S)
        event = self.named.task.is_event
        network = seconds / cost.SECONDS * network_gmacs(self.models, event)
        items = seconds * STEPS_A_SECOND if event else 1
        return self.clips * (network + items * self.rows * PROBES_GMACS)

    @property
    def keys(self) -> set[tuple[str, str]]:
        """(spec, task key) of its rows."""
        return {(str(model.spec), self.named.key) for model in self.models}

    def __str__(self) -> str:
        return f"{name_of(self.group)} on {self.named.key}"


def group_of(model: Model) -> Group:
    """The embedder group of a model."""
    return tuple((part.spec.checkpoint, part.spec.weights, str(part.python or "")) for part in model.parts)


def name_of(group: Group) -> str:
    """The checkpoints of a group, for people."""
    return FUSED.join(checkpoint for checkpoint, _, _ in group)


def network_gmacs(models: Sequence[Model], event: bool) -> float:
    """10^9 multiply-adds for 10 s of sound by models of one group, whose taps are computed together."""
    taps_of: dict[tuple[str, str], dict[tuple[int | None, int | None], dict[Tap, None]]] = {}
    for spec in (part.spec for model in models for part in model.parts):
        times = (spec.timestamp_hop_ms, spec.lookahead_ms) if event else (None, None)
        taps = spec.timestamp_taps() if event else spec.scene_taps()
        of_network = taps_of.setdefault((spec.checkpoint, spec.weights), {})
        of_network.setdefault(times, {}).update(dict.fromkeys(taps))
    total = 0.0
    for (checkpoint, _), of_network in taps_of.items():
        macs = sum(cost.macs_of_taps(checkpoint, tuple(taps), hop_ms) for (hop_ms, _), taps in of_network.items())
        unknown = 0.0 if cost.parameters(checkpoint) == 0 else MODULE_GMACS
        total += unknown if math.isnan(macs) else macs / 1e9
    return total


def find_tasks(
    study: Study, tasks_folder: Path, store: Path, failed: Callable[[Sequence[Model], str, Exception], None]
) -> list[NamedTask]:
    """Read the study's tasks, as many clips of each split as its protocol uses.

    Args:
        study: names the tasks.
        tasks_folder: where HEAR's task folders lie.
        store: where packaged tasks are made.
        failed: is called for a task that is absent, broken or has the name of another one: (), its name and the error.
    """
    limit = Protocol.parse(study.protocol).limit
    tasks: dict[Path, NamedTask] = {}
    for name in study.tasks:
        try:
            places = names.places(name, tasks_folder, store, study.folder)
        except Exception as error:
            failed((), name, error)
            continue
        for place in places:
            try:
                named = names.read(place, tasks.values())
                tasks.setdefault(named.task.place, replace(named, task=limited(named.task, limit)))
            except Exception as error:
                failed((), place.name, error)
    return list(tasks.values())


def units_of(study: Study, tasks: Sequence[NamedTask]) -> list[Unit]:
    """List every unit of a study, those of one embedder group together."""
    groups = itertools.groupby(sorted(study.models, key=group_of), key=group_of)
    return [Unit(models, named, study.seeds) for models in [tuple(of) for _, of in groups] for named in tasks]


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count` parts of a study's units, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read a shard such as "2/8"; ValueError for any other text."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"shard must be i/n with i from 1 to n, such as 1/4, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def of(self, units: Sequence[Unit]) -> list[Unit]:
        """The units of this part, in their order.

        The heaviest units are dealt first, each to the part that has the least work so far. The result depends on the
        study and its tasks alone. Folders of one HEAR task stay together, because their rows have one key.
        """
        loads, chosen = [0.0] * self.count, set()
        weights: dict[tuple[Group, str], float] = {}
        for unit in units:
            key = unit.group, unit.named.key
            weights[key] = weights.get(key, 0.0) + unit.weight
        for key, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0])):
            lightest = loads.index(min(loads))
            loads[lightest] += weight
            if lightest == self.number - 1:
                chosen.add(key)
        return [unit for unit in units if (unit.group, unit.named.key) in chosen]


def grouped(units: Iterable[Unit]) -> list[list[Unit]]:
    """Put consecutive units of one embedder group together."""
    return [list(of) for _, of in itertools.groupby(units, key=lambda unit: unit.group)]


def failure_of(models: Sequence[Model], task: str, error: Exception) -> Failure:
    """Describe an error in one line; an error that no user causes is named by its type."""
    reason = one_line(error) or type(error).__name__
    if not isinstance(error, ValueError | OSError):
        reason = f"{type(error).__name__}: {reason}"
    return Failure(tuple(dict.fromkeys(models)), task, reason, isinstance(error, names.AbsentTaskError))
