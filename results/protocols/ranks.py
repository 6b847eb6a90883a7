"""Ranks of models under several protocols, on each task and over tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from results.protocols.runs import ProtocolRun

OVERALL = "all tasks"
"""Stands for the mean rank over the tasks that every run has."""


@dataclass(frozen=True)
class Shared:
    """What runs have in common.

    Attributes:
        models: for each task the models with a score in every run that has the task, in the order of the first run.
        runs: for each task the runs that have it.
        tasks: those that every run has.
        models_of_all: with a score on all `tasks` in every run.
    """

    models: dict[str, list[str]]
    runs: dict[str, list[ProtocolRun]]
    tasks: tuple[str, ...]
    models_of_all: list[str]

    @classmethod
    def of(cls, runs: Sequence[ProtocolRun]) -> "Shared":
        """Find it; a run has a task if any of its models has a score there."""
        names = list(runs[0].specs)
        tasks = dict.fromkeys(task for run in runs for task in run.means)
        having = {task: [run for run in runs if task in run.means and run.means[task].notna().any()] for task in tasks}
        models = {
            task: [name for name in names if all(pd.notna(run.means.loc[name, task]) for run in having[task])]
            for task in tasks
        }
        everywhere = tuple(task for task in tasks if len(having[task]) == len(runs))
        complete = [name for name in names if everywhere and all(name in models[task] for task in everywhere)]
        return cls(models, having, everywhere, complete)


def ranks(runs: Sequence[ProtocolRun]) -> pd.DataFrame:
    """Rank models under each protocol; 1 is the best, and models with equal scores share the mean of their ranks.

    A model without a score in a run that has the task is ranked nowhere on the task, so that ranks of all protocols are
    among the same models.

    Returns:
        Columns model, spec, untrained, task (`OVERALL`: the mean rank over the tasks that every run has), models (how
        many are ranked), and a column for each protocol; NaN where the run does not have the task, or the model is not
        ranked.
    """
    shared = Shared.of(runs)
    parts = []
    for task, models in shared.models.items():
        columns = {run.protocol: _ranked(run.means.loc[models, task]) for run in shared.runs[task]}
        parts.append(_part(task, models, columns, runs))
    models = shared.models_of_all
    if shared.tasks and models:
        means = {run.protocol: run.means.loc[models, list(shared.tasks)].apply(_ranked).mean(axis=1) for run in runs}
        parts.insert(0, _part(OVERALL, models, means, runs))
    return pd.concat(parts, ignore_index=True)


def _ranked(values: pd.Series) -> pd.Series:
    return values.rank(ascending=False)


def _part(task: str, models: Sequence[str], columns: dict[str, pd.Series], runs: Sequence[ProtocolRun]) -> pd.DataFrame:
    """The lines of a task, of all models of the runs."""
    names = pd.Index(runs[0].specs, name="model")
    table = pd.DataFrame(columns, index=names, columns=[run.protocol for run in runs], dtype=float)
    known = runs[0].rows.drop_duplicates("model").set_index("model")[["spec", "untrained"]]
    return known.assign(task=task, models=len(models)).join(table).reset_index()
