"""Runs of the same models on the same tasks, each under a protocol of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from results.load import load
from results.scores.kinds import MEASURED
from results.scores.normalize import LOWER_IS_BETTER
from results.scores.scores import scores
from results.statistics.ranks import DIGITS

MOST_NAMES = 4
"""Models that an error names; more are counted."""


@dataclass(frozen=True)
class ProtocolRun:
    """A run under one protocol.

    Attributes:
        folder: of the run, with its jobs.
        rows: the primary rows of its models, measured and missing, as `results.load.load` gives them.
    """

    protocol: str
    folder: Path
    rows: pd.DataFrame

    @cached_property
    def means(self) -> pd.DataFrame:
        """Mean scores, models x tasks, more is better; NaN where a model has none. They mean nothing elsewhere."""
        table = scores(self.rows)
        value = table["mean"].where(~table["metric"].isin(LOWER_IS_BETTER), -table["mean"]).round(DIGITS)
        wide = table.assign(value=value).pivot_table(
            index="model", columns="task", values="value", sort=False, dropna=False
        )
        return wide.reindex(self.rows["model"].unique())

    @cached_property
    def cells(self) -> dict[tuple[str, str], pd.DataFrame]:
        """The rows of each model and task."""
        return {(str(model), str(task)): rows for (model, task), rows in self.rows.groupby(["model", "task"])}

    @cached_property
    def specs(self) -> dict[str, str]:
        """The spec of each model."""
        return dict(zip(self.rows["model"], self.rows["spec"], strict=True))

    @property
    def has_predictions(self) -> bool:
        """Whether there are predictions of any job; a folder of committed outputs has rows alone."""
        return any((self.folder / "jobs").glob("*.npz"))

    def metric(self, task: str) -> str:
        """The primary metric of a task."""
        return str(self.rows.loc[self.rows["task"] == task, "metric"].iloc[0])


def read_runs(folders: Sequence[str | Path]) -> list[ProtocolRun]:
    """Read the runs, and check that they are of the same models and tasks under different protocols.

    A run may lack tasks, and scores of a model on a task.

    Raises:
        FileNotFoundError: for a folder that is no run.
        ValueError: for fewer than two runs, a run of several protocols, two runs of one protocol, other models, or
            other embeddings or clips of a model and task; names the folders.
    """
    if len(folders) < 2:
        raise ValueError(f"expected two runs or more, each under its own protocol, got {len(folders)}")
    runs = [_read(Path(folder)) for folder in folders]
    for place, run in enumerate(runs):
        for earlier in runs[:place]:
            if earlier.protocol == run.protocol:
                raise ValueError(
                    f"{earlier.folder} and {run.folder} are both of protocol {run.protocol}; expected one run of each"
                )
    for run in runs[1:]:
        _check_same_models(runs[0], run)
        _check_same_contents(runs[0], run)
    return runs


def _read(folder: Path) -> ProtocolRun:
    rows = load(folder)
    rows = rows[rows["is_primary"] & ~rows["published"]]
    protocols = list(rows.loc[rows["kind"] == MEASURED, "protocol"].unique())
    if len(protocols) != 1:
        raise ValueError(f"{folder}: expected measured rows of one protocol, got {' and '.join(protocols) or 'none'}")
    return ProtocolRun(protocols[0], folder, rows.reset_index(drop=True))


def _check_same_models(first: ProtocolRun, second: ProtocolRun) -> None:
    for one, other in ((first, second), (second, first)):
        absent = [model for model in other.specs if model not in one.specs]
        if absent:
            more = f" and {len(absent) - MOST_NAMES} more" if len(absent) > MOST_NAMES else ""
            names = ", ".join(absent[:MOST_NAMES])
            raise ValueError(f"{one.folder} has no model {names}{more}, which {other.folder} has; expected the same")
    for model, spec in first.specs.items():
        if spec != second.specs[model]:
            got = f"{spec} in {first.folder} and {second.specs[model]} in {second.folder}"
            raise ValueError(f"model {model!r} is {got}; expected the same")


def _check_same_contents(first: ProtocolRun, second: ProtocolRun) -> None:
    """Check that models and tasks of one name have the same fingerprints in both."""
    for keys, column in ((["task"], "task_fp"), (["model", "task"], "embedder_fp")):
        one, other = (
            run.rows[run.rows["kind"] == MEASURED].groupby(keys, sort=False)[column].agg(lambda texts: set(texts))
            for run in (first, second)
        )
        for key in one.index.intersection(other.index):
            if one[key] != other[key]:
                subject = " on ".join(key) if isinstance(key, tuple) else str(key)
                kind = "clips or labels" if column == "task_fp" else "embeddings"
                raise ValueError(f"{subject} has other {kind} in {second.folder} than in {first.folder} ({column})")
