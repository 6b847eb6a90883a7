"""The kept probes of a model on a task: found in the run by name, checked, and made one predictor."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablations.study.declaration import study_of
from ablations.study.study import Model
from ablations.units.kept import read_kept
from downstream.disk.choices import choices
from downstream.disk.fields import flag, list_of, text
from downstream.events.decoding import THRESHOLD
from downstream.events.targets import PostProcessing
from downstream.trained.probe import TrainedProbe
from results.rows.rows import read_rows

ALL = "all"
"""Stands for the mean over the folds."""


@dataclass(frozen=True)
class ChosenProbes:
    """The probes of some folds of a job, whose predictions are averaged.

    Attributes:
        model: whose embeddings they take.
        task: its name in rows.
        embedder_fp: the fingerprint of the embedder that they were trained on.
        precision: of its numbers.
        is_event: whether the task is one of events.
        labels: of the task; of regression the names of the targets.
        probes: fold -> its probe.
    """

    model: Model
    task: str
    embedder_fp: str
    precision: str
    is_event: bool
    labels: tuple[str, ...]
    probes: Mapping[str, TrainedProbe]

    @property
    def is_regression(self) -> bool:
        """Whether predictions are numbers in the task's units."""
        return next(iter(self.probes.values())).prediction_type == "regression"

    def predictions(self, x: np.ndarray) -> np.ndarray:
        """The mean of the folds' predictions for embeddings (items, dim): (items, labels)."""
        each = [probe.predictions(x) for probe in self.probes.values()]
        return each[0] if len(each) == 1 else np.stack(each).mean(axis=0, dtype=np.float64).astype(np.float32)

    @property
    def moved_by(self) -> float:
        """How much predictions are moved, so that more than 0.5 is an event: the mean over the folds."""
        thresholds = [probe.threshold for probe in self.probes.values()]
        return sum(THRESHOLD - one for one in thresholds if one is not None) / len(thresholds)

    @property
    def postprocessing(self) -> PostProcessing:
        """How predictions become events: as most folds chose it, or the larger setting of those chosen as often."""
        settings = [probe.postprocessing for probe in self.probes.values() if probe.postprocessing]
        counts = Counter(settings)
        return max(counts, key=lambda setting: (counts[setting], setting))


def chosen_probes(folder: Path, model: str, task: str, *, fold: str = ALL, seed: int | None = None) -> ChosenProbes:
    """Read the kept probes of a model on a task.

    Args:
        folder: of the run.
        model: its name in the run's table, or its spec.
        task: its name in the run's table.
        fold: the name of one, or its number from 0; `ALL` for the mean over all.
        seed: of the probes; None for the first one that was run.

    Raises:
        FileNotFoundError: the run has no rows, or keeps no probes of the model on the task; says how to keep them.
        ValueError: an unknown model, task, fold or seed; or a file that is not what was written.
    """
    rows = read_rows(folder)
    rows = _matching(rows, rows["model"].eq(model) | rows["spec"].eq(model), "model", model, f"in {folder}")
    rows = _matching(rows, rows["task"].eq(task), "task", task, f"of {model} in {folder}")
    by_seed = {int(one): part for one, part in rows.groupby("seed")}
    number = min(by_seed) if seed is None else seed
    if number not in by_seed:
        raise ValueError(f"no seed {number} of {model} on {task} in {folder}; expected {_listed(by_seed)}")
    jobs = list(dict.fromkeys(by_seed[number]["job"]))
    if len(jobs) > 1:
        raise ValueError(f"{task} in {folder} is {len(jobs)} task folders; expected a run of one of them")
    try:
        kept = read_kept(folder, jobs[0])
    except FileNotFoundError:
        how = f"`ablate run {folder} --keep-probes` trains and keeps them"
        raise FileNotFoundError(f"{folder} keeps no probes of {model} on {task}; {how}") from None
    declared = _declared(folder, str(rows["spec"].iloc[0]))
    declared.spec.refuse_beside()
    facts, where = kept.facts, f"{folder}: job {jobs[0]}"
    return ChosenProbes(
        model=declared,
        task=task,
        embedder_fp=text(facts.get("embedder_fp"), f"{where}: embedder_fp"),
        precision=text(facts.get("precision"), f"{where}: precision"),
        is_event=flag(facts.get("is_event"), f"{where}: is_event"),
        labels=_labels(facts, kept.probes, where),
        probes=_folds(kept.probes, fold),
    )


def _matching(rows: pd.DataFrame, chosen: "pd.Series[bool]", column: str, value: str, where: str) -> pd.DataFrame:
    """The rows of a model or a task; an error names the closest ones."""
    if not chosen.any():
        raise ValueError(
            f"no {column} {value!r} {where}{choices(value, dict.fromkeys(rows[column]), '`ablate table`')}"
        )
    return rows[chosen]


def _listed(values: Mapping[int, Any]) -> str:
    return ", ".join(map(str, values))


def _declared(folder: Path, spec: str) -> Model:
    """The model of a run's study that has a spec, with its weight file and interpreter."""
    for model in study_of(folder).models:
        if str(model.spec) == spec:
            return model
    raise ValueError(f"{folder}: its study has no model {spec} any more; run it again")


def _labels(facts: Mapping[str, Any], probes: Mapping[str, TrainedProbe], where: str) -> tuple[str, ...]:
    labels = tuple(list_of(text, facts.get("labels"), f"{where}: labels"))
    if any(probe.labels != len(labels) for probe in probes.values()):
        raise ValueError(f"{where}: {len(labels)} labels, expected as many as its probes predict")
    return labels


def _folds(probes: Mapping[str, TrainedProbe], fold: str) -> dict[str, TrainedProbe]:
    """The probes of all folds, or of one by its name or number."""
    if fold == ALL:
        return dict(probes)
    names: Sequence[str] = list(probes)
    name = names[int(fold)] if fold not in probes and fold.isdecimal() and int(fold) < len(names) else fold
    if name not in probes:
        raise ValueError(f"no fold {fold!r}{choices(fold, [*names, ALL])}, or a number from 0")
    return {name: probes[name]}
