"""Where the spread of a score comes from: folds, seeds, what is left of both, and grid points."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results.rows.job_files import read_job
from results.scores.scores import KEYS, Rows, Scored, cells

COLUMNS = (
    *("model", "untrained", "task", "metric", "mean", "folds", "seeds"),
    *("folds_variance", "seeds_variance", "rest_variance"),
)
GRID_COLUMNS = ("grid_variance", "grid_points")
TRIED = ("job", "seed", "fold", "hidden_layers", "lr", "init", "validation_score")


def variance(rows: Rows, tried: pd.DataFrame | None = None) -> pd.DataFrame:
    """Split the variance of each measured model and task into components, from folds crossed with seeds.

    Two-way random effects without replication, by the method of moments (Searle, Casella & McCulloch 1992, ch. 4); an
    estimate below 0 is 0.

    Args:
        rows: one row a score, or scored rows.
        tried: what `tried` gives, of the same runs.

    Returns:
        Columns model, untrained, task, metric, mean, folds, seeds; folds_variance, seeds_variance, rest_variance (fold
        times seed, and everything else). With one seed the rest can't be told from the folds: folds_variance holds
        both, the others are NaN; with one fold likewise. All are NaN where folds were not made under all seeds, or
        scores are missing. With `tried` also grid_variance, of the validation scores of the first fold's grid points
        (of finite ones; a mean over seeds; of losses where the task selects by these), and grid_points.
    """
    scored = Scored.of(rows)
    table = scored.scores[~scored.scores["published"]]
    primary = cells(scored.rows)
    primary = primary[~primary["published"]]
    total = primary.groupby(KEYS, sort=False)["score"].var(ddof=0)
    table = table.join(total.rename("total"), on=KEYS)
    folds, seeds = table["folds"], table["seeds"]
    balanced = table["count"] == folds * seeds
    crossed = balanced & (folds > 1) & (seeds > 1)
    rest = folds * seeds * table["total"] - seeds * (folds - 1) * table["std_folds"] ** 2
    rest = ((rest - folds * (seeds - 1) * table["std_seeds"] ** 2) / ((folds - 1) * (seeds - 1)).mask(~crossed)).clip(0)
    table = table.assign(
        folds_variance=(table["std_folds"] ** 2 - (rest / seeds).fillna(0)).clip(0).where(balanced),
        seeds_variance=(table["std_seeds"] ** 2 - (rest / folds).fillna(0)).clip(0).where(balanced),
        rest_variance=rest,
    )
    columns = list(COLUMNS)
    if tried is not None:
        table, columns = table.join(_grid(primary, tried), on=KEYS), [*columns, *GRID_COLUMNS]
    return table[columns].reset_index(drop=True)


def tried(folders: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read the grid points that every job of runs tried on its first fold, where it chose one: columns `TRIED`.

    validation_score is a loss where the task selects by it.

    Raises:
        FileNotFoundError: for a folder without jobs.
    """
    points: list[dict[str, Any]] = []
    for folder in [folders] if isinstance(folders, str | Path) else folders:
        paths = sorted((Path(folder) / "jobs").glob("*.json"))
        if not paths:
            raise FileNotFoundError(f"no jobs in {Path(folder) / 'jobs'}; expected the folder of a run")
        points += itertools.chain.from_iterable(map(_tried_of, paths))
    return pd.DataFrame(points, columns=list(TRIED)).drop_duplicates(ignore_index=True)


def _tried_of(path: Path) -> list[dict[str, Any]]:
    job = read_job(path)
    first = job["folds"][0]
    return [{"job": job["job"], "seed": job["seed"], "fold": first["fold"], **point} for point in first["tried"]]


def _grid(primary: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    finite = points[np.isfinite(points["validation_score"].astype(float))]
    groups = finite.groupby("job")["validation_score"]
    spread = pd.DataFrame({"grid_variance": groups.var(ddof=1), "grid_points": groups.size()})
    jobs = primary.drop_duplicates([*KEYS, "job"]).join(spread, on="job")
    return jobs.groupby(KEYS, sort=False)[["grid_variance", "grid_points"]].mean()
