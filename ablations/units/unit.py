"""What a study's run has to do, as values, before anything of it is done: units, and parts of them.

A unit is one embedder group (the models of one checkpoint and its weights) on one task: all taps are extracted in one
go, then their probes share packs. Engines execute units, in any order, in any process.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.models import cost
from ablations.study.study import Model, Study
from ablations.system.errors import one_line
from ablations.tasks import names
from ablations.tasks.names import NamedTask
from ablations.units.outcome import Failure
from downstream.disk.fields import choice
from downstream.disk.files import absolute
from passt.catalog.spec import Tap
from passt.network.precision import PRECISIONS

CLIP_S = 10.0  # where a task does not say
STEPS_A_SECOND = 20  # timestamps, about
PROBES_GMACS = 4.0  # of all fits, an item: 8 of 120 epochs on 1295 features, forward and backward
MODULE_GMACS = 20.0  # of 10 s by a HEAR module, whose cost is not known

Group = tuple[str, str, str]
"""Checkpoint, weights and interpreter: models that are equal in these share an embedder."""


@dataclass(frozen=True)
class Settings:
    """How a study is run; the same for all its units.

    Attributes:
        folder: runs/<study>. store: the tap store's folder. device: "cpu" or "cuda".
    """

    study: Study
    folder: Path
    store: Path
    device: str
    precision: str = "fp32"
    compiled: bool = False

    def __post_init__(self) -> None:
        choice(self.precision, "precision", PRECISIONS)


@dataclass(frozen=True)
class Unit:
    """The models of one embedder group on one task folder, with all seeds."""

    models: tuple[Model, ...]
    named: NamedTask
    seeds: tuple[int, ...]

    @property
    def group(self) -> Group:
        return group_of(self.models[0])

    @property
    def key(self) -> tuple[Group, Path]:
        """What tells it from the study's other units."""
        return self.group, self.named.task.folder

    @property
    def rows(self) -> int:
        """How many (model, seed) it gives."""
        return len(self.models) * len(self.seeds)

    @property
    def clips(self) -> int:
        return sum(map(len, self.named.task.items.values()))

    @property
    def weight(self) -> float:
        """About how much work it is, in 10^9 multiply-adds, from what the study and the task's metadata say."""
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
        return f"{self.group[0]} on {self.named.key}"


def group_of(model: Model) -> Group:
    return model.spec.checkpoint, model.spec.weights, str(model.python or "")


def network_gmacs(variants: Sequence[Model], event: bool) -> float:
    """10^9 multiply-adds of 10 s of sound for models of one checkpoint, whose taps are computed together."""
    checkpoint = variants[0].spec.checkpoint
    taps: dict[int | None, dict[Tap, None]] = {}
    for spec in (model.spec for model in variants):
        hop_ms = spec.timestamp_hop_ms if event else None
        taps.setdefault(hop_ms, {}).update(dict.fromkeys(spec.timestamp_taps() if event else spec.scene_taps()))
    macs = sum(cost.macs_of_taps(checkpoint, tuple(found), hop_ms) for hop_ms, found in taps.items())
    if not math.isnan(macs):
        return macs / 1e9
    return 0.0 if cost.parameters(checkpoint) == 0 else MODULE_GMACS


def find_tasks(
    study: Study, tasks_folder: Path, store: Path, failed: Callable[[Sequence[Model], str, Exception], None]
) -> list[NamedTask]:
    """The study's tasks; what is absent, broken or called like another one is told to `failed`."""
    found: dict[Path, NamedTask] = {}
    for name in study.tasks:
        try:
            folders = names.folders(name, tasks_folder, store, study.folder)
        except Exception as error:
            failed((), name, error)
            continue
        for folder in folders:
            try:
                found.setdefault(absolute(folder), names.read(folder, found.values()))
            except Exception as error:
                failed((), folder.name, error)
    return list(found.values())


def units_of(study: Study, found: Sequence[NamedTask]) -> list[Unit]:
    """Every unit, those of one embedder group one after the other."""
    groups = itertools.groupby(sorted(study.models, key=group_of), key=group_of)
    return [Unit(variants, named, study.seeds) for variants in [tuple(of) for _, of in groups] for named in found]


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count` parts of a study's units, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From "2/8"; ValueError for what is none."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"shard must be i/n with i from 1 to n, such as 1/4, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def of(self, units: Sequence[Unit]) -> list[Unit]:
        """Its units, in their order: the heaviest go first, each to the part that has the least so far.

        A part depends on the study and its tasks alone. Folders of one HEAR task stay together, for their rows do.
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
    """Units that share an embedder together, in their order."""
    return [list(of) for _, of in itertools.groupby(units, key=lambda unit: unit.group)]


def failure_of(variants: Sequence[Model], task: str, error: Exception) -> Failure:
    """What an error means for a run: one line; an error that is no user's has its type."""
    reason = one_line(error) or type(error).__name__
    if not isinstance(error, ValueError | OSError):
        reason = f"{type(error).__name__}: {reason}"
    return Failure(tuple(dict.fromkeys(variants)), task, reason, isinstance(error, names.AbsentTaskError))
