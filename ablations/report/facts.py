"""Facts of a run, as tables: its models, tasks, settings and failures."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from results.rows.predictions import names_of_clips
from results.rows.rows import task_table
from results.scores.kinds import MEASURED, kinds, with_flags
from results.scores.labels import labels
from results.scores.records import RunRecord

logger = logging.getLogger(__name__)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that were measured: neither published, nor without a score."""
    return rows[kinds(rows) == MEASURED]


def models(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """List the models: model (its label), family, spec, weights, precision, device, embedder (fingerprint)."""
    table = with_flags(measured(rows).drop_duplicates("model"))
    table = table.assign(model=labels(table)).rename(columns={"embedder_fp": "embedder"})
    columns = ["model", "family", "spec", "weights", "precision", "device", "embedder"]
    known = set(table["spec"])
    absent = [vars(model) for model in (record.models if record else ()) if model.spec not in known]
    added = pd.DataFrame(absent, columns=["label", "family", "spec", "weights"]).rename(columns={"label": "model"})
    return pd.concat([table[columns], added], ignore_index=True) if absent else table[columns]


def clips(folder: Path, rows: pd.DataFrame) -> dict[str, int]:
    """Count the clips that each task was tested on; a task without readable predictions has no count.

    A clip that is tested in several folds counts once. Folders of a HEAR key that has several add up.
    """
    counts: dict[str, int] = {}
    for task, of_task in measured(rows).groupby("task", sort=False):
        jobs = of_task.drop_duplicates("task_fp")["job"]
        try:
            counts[str(task)] = sum(len(names_of_clips(folder, job)) for job in jobs)
        except (ValueError, OSError) as error:
            logger.debug("clips of %s are not counted: %s", task, error)
    return counts


def tasks(rows: pd.DataFrame, record: RunRecord | None, clips: Mapping[str, int]) -> pd.DataFrame:
    """List the tasks, a row each.

    Columns: task, category (HEAR's), metric, splits, folds, test clips, models (with a score), seconds (of probes).

    Args:
        clips: the number of test clips of each task where it is known.
    """
    of_run = measured(rows)
    primary = of_run[of_run["primary"].astype(bool)]
    jobs = of_run.drop_duplicates("job").groupby("task")["seconds"].sum()
    table = task_table()
    lines = []
    for task in dict.fromkeys([*of_run["task"], *(record.tasks if record else ())]):
        of_task = primary[primary["task"] == task]
        lines.append(
            {
                "task": task,
                "category": table.loc[task, "category"] if task in table.index else "",
                "metric": " ".join(of_task["metric"].unique()),
                "splits": " ".join(of_task["split_mode"].unique()),
                "folds": of_task[["task_fp", "fold"]].drop_duplicates().shape[0],
                "test clips": f"{clips[task]:,}" if task in clips else "–",
                "models": of_task["model"].nunique(),
                "seconds": float(jobs.get(task, float("nan"))),
            }
        )
    return pd.DataFrame(lines)


def setup(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """List the values of a setting among the jobs, a line each: protocol, seeds, precision, device, time, versions."""
    of_run = measured(rows)
    jobs = of_run.drop_duplicates("job")
    settings = ("protocol", "precision", "device")
    lines = {name: sorted(set(of_run[name].dropna().astype(str)) - {""}) for name in settings}
    lines["seeds"] = [f"{seed:g}" for seed in sorted(of_run["seed"].dropna().astype(float).unique())]
    lines["jobs"] = [f"{len(jobs)}, whose probes took {jobs['seconds'].sum():,.0f} s"]
    if record and record.reference:
        lines["published beside"] = list(record.reference)
    versions: dict[str, set[str]] = {}
    for text in of_run["versions"].dropna().unique():
        for pair in str(text).split():
            name, _, version = pair.partition("=")
            versions.setdefault(name, set()).add(version)
    lines |= {f"version of {name}": sorted(values) for name, values in sorted(versions.items())}
    return pd.DataFrame([{"what": name, "value": ", ".join(values)} for name, values in lines.items()])


def calls(record: RunRecord | None) -> pd.DataFrame:
    """List the calls that computed jobs: started, command, version, commit, jobs."""
    columns = ["started", "command", "version", "commit", "jobs"]
    return pd.DataFrame([vars(call) for call in (record.calls if record else ())], columns=columns)


def failures(record: RunRecord | None) -> pd.DataFrame:
    """List what failed, what was absent and what does not apply: columns kind, models, task, reason."""
    columns = ["kind", "models", "task", "reason"]
    if record is None:
        return pd.DataFrame(columns=columns)
    lines = [
        {
            "kind": "absent" if failure.absent else "failed",
            "models": ", ".join(failure.models) or "every model",
            "task": failure.task or "every task",
            "reason": failure.reason,
        }
        for failure in record.failures
    ]
    lines += [
        {"kind": "not applicable", "models": cell.model, "task": cell.task, "reason": cell.reason}
        for cell in record.not_applicable
    ]
    return pd.DataFrame(lines, columns=columns)
