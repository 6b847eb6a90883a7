"""Where the spread of a score comes from: folds, seeds, what is left of both, and grid points."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from results.rows.job_files import read_job
from results.scores.scores import KEYS, cells, scores

TRIED = ("job", "seed", "fold", "hidden_layers", "lr", "init", "validation_score")


def variance(rows: pd.DataFrame, tried: pd.DataFrame | None = None) -> pd.DataFrame:
    """Per measured model and task: variance components of the primary metric, from folds crossed with seeds.

    Two-way random effects without replication, by the method of moments (Searle, Casella & McCulloch 1992, ch. 4); an
    estimate below 0 is 0.

    Args:
        rows: one row a score. tried: what `tried` gives, of the same runs.

    Returns:
        Columns model, task, metric, mean, folds, seeds; folds_variance, seeds_variance, rest_variance (fold times seed,
        and everything else). With one seed the rest can't be told from the folds: folds_variance holds both, the others
        are NaN; with one fold likewise. All are NaN where folds were not made under all seeds, or scores are missing.
        With `tried` also grid_variance, of the validation scores of the first fold's grid points (of finite ones; a
        mean over seeds; of losses where the task selects by these), and grid_points.
    """
    found = scores(rows).query("~published").drop(columns=["family", "protocol", "tolerance", "published"])
    primary = cells(rows)
    primary = primary[~primary["published"]]
    total = primary.groupby(KEYS, sort=False)["score"].var(ddof=0)
    found = found.join(total.rename("total"), on=KEYS)
    folds, seeds = found["folds"], found["seeds"]
    balanced = found["count"] == folds * seeds
    crossed = balanced & (folds > 1) & (seeds > 1)
    rest = folds * seeds * found["total"] - seeds * (folds - 1) * found["std_folds"] ** 2
    rest = ((rest - folds * (seeds - 1) * found["std_seeds"] ** 2) / ((folds - 1) * (seeds - 1)).mask(~crossed)).clip(0)
    parts = {
        "folds_variance": (found["std_folds"] ** 2 - (rest / seeds).fillna(0)).clip(0).where(balanced),
        "seeds_variance": (found["std_seeds"] ** 2 - (rest / folds).fillna(0)).clip(0).where(balanced),
        "rest_variance": rest,
    }
    found = found[[*KEYS, "mean", "folds", "seeds"]].assign(**parts)
    return found if tried is None else found.join(_grid(primary, tried), on=KEYS)


def tried(folders: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """The grid points of every job of runs, one row each: job, seed, fold, hidden_layers, lr, init, validation_score.

    Of the first fold, where the configuration is chosen; validation_score is a loss where the task selects by it.

    Raises:
        FileNotFoundError: for a folder without jobs.
    """
    found = []
    for folder in [folders] if isinstance(folders, str | Path) else folders:
        paths = sorted((Path(folder) / "jobs").glob("*.json"))
        if not paths:
            raise FileNotFoundError(f"no jobs in {Path(folder) / 'jobs'}; expected the folder of a run")
        found += itertools.chain.from_iterable(map(_tried_of, paths))
    return pd.DataFrame(found, columns=list(TRIED)).drop_duplicates(ignore_index=True)


def _tried_of(path: Path) -> list[dict]:
    job = read_job(path)
    first = job["folds"][0]
    return [{"job": job["job"], "seed": job["seed"], "fold": first["fold"], **point} for point in first["tried"]]


def _grid(primary: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    finite = points[np.isfinite(points["validation_score"].astype(float))]
    groups = finite.groupby("job")["validation_score"]
    spread = pd.DataFrame({"grid_variance": groups.var(ddof=1), "grid_points": groups.size()})
    jobs = primary.drop_duplicates([*KEYS, "job"]).join(spread, on="job")
    return jobs.groupby(KEYS, sort=False)[["grid_variance", "grid_points"]].mean()
