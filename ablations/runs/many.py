"""Several studies one after the other, each as if alone: those of the paper, with one word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.errors import one_line
from ablations.units.outcome import Outcome
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


@dataclass(frozen=True)
class Ended:
    """A study that came to its end: what it left behind, or the error that kept it from starting."""

    study: Study
    outcome: Outcome | None = None
    error: str = ""


def studies_of(name: str) -> tuple[Study, ...]:
    """The studies that a name stands for: one, or those of the paper.

    Raises:
        FileNotFoundError, ValueError: as `Study.load`.
    """
    return tuple(Study.load(each) for each in (PAPER_STUDIES if name == PAPER else (name,)))


def run_studies(studies: Sequence[Study], **options) -> Iterator[Ended]:
    """Run studies one after the other, an `Ended` each; one that can't start does not stop the others.

    Args:
        options: those of `ablations.runs.run.run_study`.

    Raises:
        ValueError, OSError: what keeps a single study from starting.
    """
    for study in studies:
        try:
            yield Ended(study, run_study(study, **options))
        except (ValueError, OSError) as error:
            if len(studies) == 1:
                raise
            yield Ended(study, error=one_line(error))


def summary(ended: Sequence[Ended]) -> pd.DataFrame:
    """What came of studies: columns study, measured and cells (models x tasks), absent (tasks), failures, folder."""
    return pd.DataFrame(
        [
            _counts(each) if each.outcome else {"study": each.study.name, "failures": 1, "folder": each.error}
            for each in ended
        ],
        columns=["study", "measured", "cells", "absent", "failures", "folder"],
    ).astype(dict.fromkeys(("measured", "cells", "absent", "failures"), "Int64"))


def _counts(ended: Ended) -> dict[str, object]:
    measured, cells = cells_of(ended.outcome.folder)
    absent = sum(failure.absent for failure in ended.outcome.failures)
    failures = len(ended.outcome.failures) - absent
    found = {"study": ended.study.name, "measured": measured, "cells": cells, "absent": absent, "failures": failures}
    return {**found, "folder": str(ended.outcome.folder)}


def cells_of(folder: Path) -> tuple[int, int]:
    """How many models x tasks of a run were measured, and how many its study asks for."""
    rows = with_missing(read_rows(folder), read_record(folder))
    missing = is_missing(rows)
    return tuple(len(part[["spec", "task"]].drop_duplicates()) for part in (rows[~missing], rows))
