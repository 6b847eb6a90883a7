"""What a condition of the sound costs each model: scores under it against clean ones, on the same test clips.

The difference is within a model: the same clips, clean and changed, and the same probes where the test clips alone are
changed. The swap test (`results.statistics.permutation`) exchanges a unit's outputs on clean and on changed sound. With
several seeds their variance is added as if those of clean and changed sound were apart, which errs on the side of wide
intervals.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from results.rows.job_files import read_job
from results.rows.predictions import read_clips
from results.rows.rows import read_rows
from results.scores.conditions import parts
from results.scores.missing import with_missing
from results.scores.records import read_record
from results.statistics.permutation import RESAMPLES, check_options
from results.statistics.swapped import Metric
from results.statistics.versus import NOT_COMPARED, Jobs, Options, compared_jobs, jobs_of, with_verdicts

COLUMNS = (
    *("model", "task", "conditions", "metric", "clean", "changed", "difference", "low", "high", "p", "p_holm"),
    *("clips", "groups", "seeds", "verdict", "reason", "notes"),
)
NO_CLEAN = "the clean task is not in the run"


def against_clean(
    folder: str | Path,
    metrics: Mapping[str, Metric] | None = None,
    *,
    models: frozenset[str] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare each model's scores under conditions with its clean ones.

    Args:
        folder: of the run.
        metrics: functions of (prediction, target), as in `results.statistics.versus.comparisons`.
        models: those to compare, as rows call them; None is all.
        confidence: of the intervals; the level of the verdicts is 1 less it.
        resamples, seed: of swap patterns, where there are too many to try all.

    Returns:
        A row a model, task and conditions. Columns model, task (the clean one), conditions, metric; clean and changed,
        means over folds and seeds; difference (changed less clean), and the others of `versus.comparisons`. Verdicts
        are corrected for all rows. No rows where no task has conditions.

    Raises:
        FileNotFoundError: for a folder without rows.
    """
    check_options(confidence, resamples)
    rows = with_missing(read_rows(folder), read_record(folder))
    rows = rows[rows["primary"].astype(bool) & (rows["model"].isin(models or ()) | (models is None))]
    read = functools.lru_cache(maxsize=8)(functools.partial(read_clips, folder))
    options = Options(confidence, resamples, seed)
    lines: list[dict[str, Any]] = []
    for (model, task), changed in rows.groupby(["model", "task"], sort=False):
        clean_task, conditions = parts(task)
        if not conditions:
            continue
        metric = changed["metric"].iloc[0]
        clean = rows[(rows["model"] == model) & (rows["task"] == clean_task) & (rows["metric"] == metric)]
        line = {"model": model, "task": clean_task, "conditions": conditions, "metric": metric}
        try:
            if clean.empty:
                raise ValueError(NO_CLEAN)
            first, second = (_by_folder(jobs_of(side, model), folder) for side in (changed, clean))
            line |= compared_jobs(first, second, metric, metrics or {}, read, options)
        except (ValueError, FileNotFoundError) as error:
            line["reason"] = str(error)
        lines.append(line | {"changed": line.get("score_a"), "clean": line.get("score_b")})
    return with_verdicts(pd.DataFrame(lines, columns=list(COLUMNS)), confidence)


def _by_folder(jobs: Jobs, folder: str | Path) -> Jobs:
    """Call the folders of a task by their names without conditions, as clean and changed sound have other prints."""
    named: Jobs = {}
    for seed, of_seed in jobs.items():
        files = {job: Path(folder) / "jobs" / f"{job}.json" for job in of_seed.values()}
        named[seed] = {parts(str(read_job(file)["task_folder"])).task: job for job, file in files.items()}
    return named


def shown(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Write the lines of `against_clean` that were compared as texts, for a terminal or a page."""
    lines = table[table["verdict"] != NOT_COMPARED]
    bounds = zip(lines["low"], lines["high"], strict=True)
    return pd.DataFrame(
        {
            "model": lines["model"],
            "task": lines["task"],
            "conditions": lines["conditions"],
            "clean": lines["clean"].map("{:.3f}".format),
            "changed": lines["changed"].map("{:.3f}".format),
            "difference": lines["difference"].map("{:+.3f}".format),
            f"{confidence:.0%} interval": [
                "–" if pd.isna(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in bounds
            ],
            "p (Holm)": lines["p_holm"].map(lambda p: "–" if pd.isna(p) else f"{p:.3g}"),
            "verdict": lines["verdict"],
        }
    )


def not_compared(table: pd.DataFrame) -> list[str]:
    """Say why differences were not compared or can't be established, a line for each reason."""
    reasons = table[table["reason"] != ""].groupby("reason", sort=False)
    return [f"{', '.join(dict.fromkeys(of['task'] + of['conditions']))}: {reason}." for reason, of in reasons]
