"""Measure the geometry of a study's embeddings: similarity and dimensions without labels, scores of smaller forms."""

import fnmatch
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ablations.representation.compression import forms, scores_of
from ablations.representation.representation import Representation, Representations, Sample
from ablations.representation.similarity import similarities, why_singular
from ablations.representation.spectrum import components, effective_rank, participation_ratio, uniformity, variances
from ablations.runs.many import studies_of
from ablations.study.study import Model, Study
from ablations.system.compute import DEFAULT, Machine
from ablations.system.machine import choose_device
from ablations.units.outcome import Failure
from ablations.units.unit import Settings, failure_of, find_tasks
from ablations.units.where import Where
from downstream.disk.choices import choices
from downstream.probes.protocol import Protocol
from downstream.progress import Track, silent
from downstream.tasks.task import Task
from passt.catalog.poolings import SIDE_BY_SIDE
from passt.catalog.spec_text import FUSED
from results.scores.records import NotApplicable

Value = TypeVar("Value")
PROTOCOL = "hear2021+grid3+linear+standardized"
"""Of the probes of smaller forms: cheap, and the same for all widths."""
SHARES = (50, 90, 95, 99)
"""Percent of the variance that components are counted for."""


@dataclass(frozen=True)
class Choice:
    """What is measured, and on how many clips.

    Attributes:
        tasks: names of tasks; () for all of the study.
        models: labels or checkpoints, where * stands for any letters; () for all.
        levels: of the models, such as block6 or block6+features; () for all.
        split: the split that clips are drawn from; None for all splits.
        clips: of a task, at most, for similarity and dimensions.
        permutations: shuffles of the null of CKA.
        seed: of the clips, the shuffles and the probes.
        compress: whether smaller forms are scored by probes.
        dims: principal components of the truncated forms.
        protocol: of these probes; the limit of clips is the study's.
    """

    tasks: Sequence[str] = ()
    models: Sequence[str] = ()
    levels: Sequence[str] = ()
    split: str | None = None
    clips: int = 500
    permutations: int = 199
    seed: int = 0
    compress: bool = False
    dims: Sequence[int] = (8, 32, 128)
    protocol: str = PROTOCOL

    def __post_init__(self) -> None:
        for name in ("tasks", "models", "levels"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be a list of names, got {getattr(self, name)!r}")
        for name, least in (("clips", 2), ("permutations", 0), ("seed", 0)):
            if (value := getattr(self, name)) < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if wrong := [dim for dim in self.dims if dim < 1]:
            raise ValueError(f"dims must be at least 1, got {wrong[0]}")
        Protocol.parse(self.protocol)


@dataclass(frozen=True)
class Geometry:
    """What was measured; all tables name task and model.

    Attributes:
        embeddings: a row an embedding: dimensions, uniformity, and why there is no value.
        similarity: a row a pair of embeddings of a task: CKA, its null, p.
        compression: a row a smaller form of an embedding; empty if it was not asked for.
        failures: what could not be embedded.
        not_applicable: models that have no embedding for a task, and why.
    """

    embeddings: pd.DataFrame
    similarity: pd.DataFrame
    compression: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: tuple[Failure, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()

    def _repr_html_(self) -> str:
        return "\n".join(
            str(table.to_html(index=False)) for table in (self.embeddings, self.similarity, self.compression)
        )


def geometry(
    study: Study | str | Path,
    where: Where | None = None,
    machine: Machine = DEFAULT,
    *,
    track: Track = silent,
    **chosen: Any,
) -> Geometry:
    """Measure the geometry of a study's embeddings, after extracting those that the store lacks.

    Args:
        study: a `Study`, the name of a packaged one or of a run, a YAML file, or a run's folder.
        where, machine: as of `ablations.run_study`.
        track: shows how far the work is.
        chosen: the attributes of `Choice`: tasks, models, levels, split, clips, permutations, seed, compress, dims,
            protocol.

    Raises:
        ValueError, FileNotFoundError: names what is not in the study, what is not known, or what is out of range.
    """
    choice, where = Choice(**chosen), where or Where()
    if not isinstance(study, Study):
        found, _ = studies_of(str(study), where.runs)
        if len(found) > 1:
            raise ValueError(f"{study} stands for {len(found)} studies; name one of them")
        study = found[0]
    study = _with_models(study, choice)
    failures: list[Failure] = []
    tasks = find_tasks(study, where.tasks, where.store, lambda *failed: failures.append(failure_of(*failed)))
    for failure in failures:
        if failure.task in choice.tasks:
            raise ValueError(str(failure))
    if choice.tasks:
        failures.clear()  # of tasks that were not chosen
    tasks = _chosen("task", choice.tasks, tasks, lambda named: (named.key, named.task.place.name))
    if not tasks:
        raise ValueError(f"no task of {study.name} is here{f': {failures[0]}' if failures else ''}")
    for named in tasks:
        if choice.split not in (None, *named.task.splits):
            raise ValueError(f"{named.key}: no split {choice.split!r}{choices(choice.split or '', named.task.splits)}")
    settings = Settings.of(study, where, machine, choose_device(machine.device))
    embeddings = Representations.of(
        settings, tasks, lambda task: task.splits if choice.compress else _splits(task, choice), track
    )
    failures += embeddings.failures
    limit = Protocol.parse(study.protocol).limit  # of the clips that there are: scores say so
    protocol = str(replace(Protocol.parse(choice.protocol), limit=limit))
    measured = _Measured(replace(choice, protocol=protocol), settings.device, track, failures)
    for named in tasks:
        own = [embedding for embedding in embeddings.found if embedding.named.task.place == named.task.place]
        if own:
            is_one = [other.key for other in tasks].count(named.key) == 1
            measured.add(named.key if is_one else named.task.place.name, own)
    if not measured.embeddings:
        raise ValueError(f"{study.name}: nothing could be embedded{f': {failures[0]}' if failures else ''}")
    table, similarity, compression = map(pd.DataFrame, (measured.embeddings, measured.similarity, measured.compression))
    return Geometry(table, similarity, compression, tuple(failures), tuple(embeddings.not_applicable))


@dataclass
class _Measured:
    """Rows of the tables, task by task."""

    choice: Choice
    device: str
    track: Track
    failures: list[Failure]
    embeddings: list[dict[str, Any]] = field(default_factory=list)
    similarity: list[dict[str, Any]] = field(default_factory=list)
    compression: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, embeddings: Sequence[Representation]) -> None:
        """Measure the embeddings of a task."""
        choice, task = self.choice, embeddings[0].named.task
        sample = Sample.of(task, _splits(task, choice), choice.clips, choice.seed)
        read: list[np.ndarray] = []
        with self.track(f"embeddings of {name}", len(embeddings)) as advance:
            for embedding in embeddings:
                read.append(embedding.rows(sample))
                self.embeddings.append({"task": name, **_about(embedding), **self._dimensions(read[-1])})
                advance(1)
        units = len(np.unique(sample.units))
        facts = {"clips": len(sample.clips), "units": units, "permutations": choice.permutations, "seed": choice.seed}
        labels = [embedding.models[0].label for embedding in embeddings]
        for pair in similarities(
            read, sample.units, permutations=choice.permutations, seed=choice.seed, track=self.track
        ):
            values = asdict(pair)
            models = {"model_a": labels[values.pop("a")], "model_b": labels[values.pop("b")]}
            self.similarity.append({"task": name, **models, **values, **facts})
        if choice.compress:
            self._compress(name, embeddings)

    def _dimensions(self, rows: np.ndarray) -> dict[str, Any]:
        """Of an embedding: (draws, clips, dim)."""
        flat = rows.reshape(-1, rows.shape[2])
        spread = variances(flat)
        return {
            "clips": rows.shape[1],
            "draws": len(rows),
            "rows": len(flat),
            "dim": rows.shape[2],
            "effective_rank": effective_rank(spread),
            "participation_ratio": participation_ratio(spread),
            **{f"components_{share}": components(spread, share / 100) for share in SHARES},
            "uniformity": uniformity(flat, self.choice.seed),
            "reason": next((reason for draw in rows if (reason := why_singular(draw))), ""),
        }

    def _compress(self, name: str, embeddings: Sequence[Representation]) -> None:
        """Score the forms of embeddings."""
        choice, task = self.choice, embeddings[0].named.task
        metric = task.metrics[0]
        with self.track(f"probes of smaller embeddings of {name}", len(embeddings)) as advance:
            for embedding in embeddings:
                try:
                    splits = embedding.splits()
                    dim = next(iter(splits.values())).x.shape[1]
                    for form in forms(dim, choice.dims):
                        folds = scores_of(form, task, splits, choice.protocol, choice.seed, self.device)
                        scores = [fold.scores[metric] for fold in folds]
                        self.compression.append(
                            {
                                **{"task": name, "metric": metric, **_about(embedding)},
                                **{"form": form.name, "dim": form.dim, "bytes": form.bytes},
                                "score": float(np.mean(scores)),
                                "std": float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan,
                                **{"folds": len(scores), "protocol": choice.protocol, "seed": choice.seed},
                                "reason": next((why for fold in folds if (why := fold.missing.get(metric))), ""),
                            }
                        )
                except Exception as error:
                    self.failures.append(failure_of(embedding.models, name, error))
                advance(1)


def _about(embedding: Representation) -> dict[str, Any]:
    """What an embedding is the embedding of."""
    first, *others = embedding.models
    return {
        "model": first.label,
        "spec": str(first.spec),
        "weights": first.weights,
        "same": ", ".join(model.label for model in others),
    }


def _splits(task: Task, choice: Choice) -> tuple[str, ...]:
    """Where clips are drawn from."""
    return (choice.split,) if choice.split else task.splits


def _with_models(study: Study, choice: Choice) -> Study:
    """Keep the chosen models of a study; one with a pooling has the embedding of the model without."""
    plain = [model for model in study.models if model.spec.pooling == SIDE_BY_SIDE]
    if not plain:
        raise ValueError("every model of the study has a pooling, which is a part of probes; expected one without")
    models = _chosen("model", choice.models, plain, lambda model: (model.label, _checkpoints(model)))
    models = _chosen("level", choice.levels, models, lambda model: (_levels(model),))
    return replace(study, models=tuple(models))


def _checkpoints(model: Model) -> str:
    return FUSED.join(part.checkpoint for part in model.spec.parts)


def _levels(model: Model) -> str:
    return FUSED.join("+".join(part.levels) for part in model.spec.parts)


def _chosen(
    noun: str, names: Sequence[str], values: Sequence[Value], called: Callable[[Value], Sequence[str]]
) -> list[Value]:
    """Keep the values that are called by one of some names, where * stands for any letters; without names all.

    Raises:
        ValueError: nothing is called so.
    """
    known = dict.fromkeys(name for value in values for name in called(value))
    for name in names:
        if not any(fnmatch.fnmatchcase(other, name) for other in known):
            raise ValueError(f"no {noun} {name!r} in the study{choices(name, known)}")
    return [
        value
        for value in values
        if not names or any(fnmatch.fnmatchcase(other, name) for other in called(value) for name in names)
    ]
