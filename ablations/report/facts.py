"""What a run was made with, as frames: models, jobs, tasks, versions."""

import pandas as pd

from results.reference.published import is_published
from results.rows.rows import task_table
from results.scores.records import RunRecord, is_missing
from results.scores.scores import UNTRAINED_MARK, is_untrained


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that were measured: neither published, nor of cells without a score."""
    return rows[~is_published(rows) & ~is_missing(rows)]


def models(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """Each model: model (untrained ones marked), family, spec, weights, precision, device, embedder (fingerprint)."""
    found = measured(rows).drop_duplicates("model")
    found = found.assign(model=found["model"] + is_untrained(found["weights"]).map({True: UNTRAINED_MARK, False: ""}))
    found = found.rename(columns={"embedder_fp": "embedder"})
    columns = ["model", "family", "spec", "weights", "precision", "device", "embedder"]
    absent = [vars(model) for model in (record.models if record else ()) if model.spec not in set(found["spec"])]
    added = pd.DataFrame(absent, columns=["label", "family", "spec", "weights"]).rename(columns={"label": "model"})
    return pd.concat([found[columns], added], ignore_index=True) if absent else found[columns]


def tasks(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """Each task: task, category (HEAR's), metric, splits, folds, models (with a score), seconds (of probes)."""
    found = measured(rows)
    primary = found[found["primary"].astype(bool)]
    jobs = found.drop_duplicates("job").groupby("task")["seconds"].sum()
    table = task_table()
    lines = []
    for task in dict.fromkeys([*found["task"], *(record.tasks if record else ())]):
        of = primary[primary["task"] == task]
        category = table.loc[task, "category"] if task in table.index else ""
        about = {"task": task, "category": category, "metric": " ".join(of["metric"].unique())}
        about |= {
            "splits": " ".join(of["split_mode"].unique()),
            "folds": of[["task_fp", "fold"]].drop_duplicates().shape[0],
        }
        about |= {"models": of["model"].nunique(), "seconds": float(jobs.get(task, float("nan")))}
        lines.append(about)
    return pd.DataFrame(lines)


def setup(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """What jobs share or differ in, a line each: protocol, seeds, precision, device, seconds, references, versions."""
    found = measured(rows)
    jobs = found.drop_duplicates("job")
    lines = {name: sorted(set(found[name].dropna().astype(str)) - {""}) for name in ("protocol", "precision", "device")}
    lines["seeds"] = [f"{seed:g}" for seed in sorted(found["seed"].dropna().astype(float).unique())]
    lines["jobs"] = [f"{len(jobs)}, whose probes took {jobs['seconds'].sum():,.0f} s"]
    if record and record.reference:
        lines["published beside"] = list(record.reference)
    versions: dict[str, set[str]] = {}
    for text in found["versions"].dropna().unique():
        for pair in str(text).split():
            name, _, version = pair.partition("=")
            versions.setdefault(name, set()).add(version)
    lines |= {f"version of {name}": sorted(each) for name, each in sorted(versions.items())}
    return pd.DataFrame([{"what": name, "value": ", ".join(values)} for name, values in lines.items()])


def failures(record: RunRecord | None) -> pd.DataFrame:
    """What failed, what was absent and what does not apply: columns kind, models, task, reason."""
    if record is None:
        return pd.DataFrame(columns=["kind", "models", "task", "reason"])
    lines = [
        {
            "kind": "absent" if failure.absent else "failed",
            "models": ", ".join(failure.models) or "every model",
            "task": failure.task or "every task",
            "reason": failure.reason,
        }
        for failure in record.failures
    ]
    for text in record.not_applicable:
        what, _, why = text.partition(": ")
        model, _, task = what.rpartition(" on ")
        lines.append({"kind": "not applicable", "models": model, "task": task, "reason": why})
    return pd.DataFrame(lines, columns=["kind", "models", "task", "reason"])
