"""Several studies one after the other, each as if alone; one word stands for all studies of the paper."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ablations.engines import Engine
from ablations.runs.run import run_study
from ablations.runs.tracking import Tracker, untold
from ablations.study.declaration import NAME as DECLARATION
from ablations.study.declaration import packaged, study_of
from ablations.study.study import Study
from ablations.system import call
from ablations.system.compute import DEFAULT, Machine
from ablations.system.errors import one_line
from ablations.units.outcome import Outcome
from ablations.units.unit import Shard
from ablations.units.where import Where
from downstream.progress import Track, silent
from results.rows.rows import read_rows
from results.scores.kinds import is_missing
from results.scores.missing import with_missing
from results.scores.records import read_record

PAPER = "paper"
"""The word that stands for all of `PAPER_STUDIES`."""
PAPER_STUDIES = (
    "table1_tasks",
    "fig4_embedding_level",
    "fig5_receptive_field",
    "fig6_embedding_level_categories",
    "fig7_time_resolution",
    "fig8_single_models",
    "fig9_challenge",
    "fig10_tasks",
    "blocks",
    "receptive_field_timestamps",
    "receptive_field_scenes",
    "hop_and_window",
    "cnn_levels",
    "score_against_cost",
)
"""The packaged studies of ablations/study/paper: the paper's own in its order, then those beyond it."""
COUNTS = ("measured", "cells", "absent", "failures")


@dataclass(frozen=True)
class Ended:
    """A study that has ended.

    Attributes:
        study: what was run.
        outcome: what the run left behind; None if it could not start.
        error: why it could not start.
    """

    study: Study
    outcome: Outcome | None = None
    error: str = ""


def studies_of(name: str, runs: Path = Path("runs"), overrides: Sequence[str] = ()) -> tuple[tuple[Study, ...], Path]:
    """Load the studies that a name stands for, and say where their runs go.

    Args:
        name: a packaged study, a run, a YAML file, a run's folder, or the word for the studies of the paper.
        runs: the folder of runs. The folder of a run goes where it is.
        overrides: changes of each study (`Study.load`).

    Raises:
        FileNotFoundError, ValueError: as `Study.load`.
    """
    if name == PAPER:
        return tuple(Study.load(study, overrides) for study in PAPER_STUDIES), runs
    folder = Path(name)
    if is_run(folder):
        return (study_of(folder, overrides),), folder.parent if folder.name else folder.absolute().parent
    if folder.name == name and name not in packaged() and is_run(runs / name):
        return (study_of(runs / name, overrides),), runs
    if folder.is_dir() and name not in packaged():
        raise FileNotFoundError(f"{name}: no run's folder, it has no {DECLARATION}, study.json or rows.csv")
    return (Study.load(name, overrides),), runs


def is_run(folder: Path) -> bool:
    """Whether a run has begun in a folder."""
    return any((folder / file).is_file() for file in (DECLARATION, "study.json", "rows.csv"))


def run_studies(
    studies: Sequence[Study],
    where: Where | None = None,
    machine: Machine = DEFAULT,
    *,
    shard: Shard | None = None,
    engine: Engine | None = None,
    track: Track = silent,
    tracker: Tracker | None = None,
) -> Iterator[Ended]:
    """Run studies one after the other; a study that can't start does not stop the others.

    Args:
        tracker: is sent the settings and scores of each study.

    The others are those of `ablations.runs.run.run_study`.

    Raises:
        ValueError, OSError: the only study can't start.
    """
    for study in studies:
        try:
            with tracker.run(study.name, _settings(study, machine)) if tracker else nullcontext(untold) as tell:
                outcome = run_study(study, where, machine, shard=shard, engine=engine, track=track, tell=tell)
            yield Ended(study, outcome)
        except (ValueError, OSError) as error:
            if len(studies) == 1:
                raise
            yield Ended(study, error=one_line(error))


def _settings(study: Study, machine: Machine) -> dict[str, object]:
    """What a study asks for, for a tracker."""
    return {
        "study": study.name,
        "models": ", ".join(model.label for model in study.models),
        "tasks": ", ".join(study.tasks),
        "seeds": ", ".join(map(str, study.seeds)),
        "protocol": study.protocol,
        "precision": machine.precision or study.precision,
        "digest": study.digest,
        "version": call.version(),
        "commit": call.commit(),
    }


def summary(ended: Sequence[Ended]) -> pd.DataFrame:
    """Count what came of studies, a row each.

    Returns:
        The columns study; measured and cells (pairs of model and task); absent (tasks); failures; folder (of the rows,
        or why the study could not start).
    """
    rows = [_counts(one.study, one.outcome) if one.outcome else _error(one) for one in ended]
    return pd.DataFrame(rows, columns=["study", *COUNTS, "folder"]).astype(dict.fromkeys(COUNTS, "Int64"))


def _counts(study: Study, outcome: Outcome) -> dict[str, object]:
    measured, cells = cells_of(outcome.folder)
    absent = sum(failure.absent for failure in outcome.failures)
    failures = len(outcome.failures) - absent
    counts = {"measured": measured, "cells": cells, "absent": absent, "failures": failures}
    return {"study": study.name, **counts, "folder": str(outcome.folder)}


def _error(ended: Ended) -> dict[str, object]:
    return {"study": ended.study.name, "failures": 1, "folder": ended.error}


def cells_of(folder: Path) -> tuple[int, int]:
    """How many pairs of model and task a run has measured, and how many its study asks for."""
    rows = with_missing(read_rows(folder), read_record(folder))
    measured, cells = (len(part[["spec", "task"]].drop_duplicates()) for part in (rows[~is_missing(rows)], rows))
    return measured, cells
