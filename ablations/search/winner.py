"""The winner of a search: the best validation score, and the only test scores that are looked at.

`winner.json` keeps every look at test scores there was: going on with a search after a look is choosing among variants
with one eye on the test, so that a later report says how many looks came before it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from downstream.disk.files import write_json
from results.figures.search import marked
from results.rows.rows import read_rows

FILE = "winner.json"


def look(folder: Path, trials: pd.DataFrame, objectives: Sequence[str]) -> dict[str, Any] | None:
    """Note the winner with its test scores, once; None where no trial is complete.

    Args:
        folder: of the search's run. trials: as `report.trials_table` makes them, all ended.

    Returns:
        trials (how many it was chosen among), trial, label, spec, protocol, validation, test (task -> metric -> mean
        over folds and seeds; absent where the winner was run in another folder).
    """
    complete = trials[trials["state"] == "complete"]
    if complete.empty:
        return None
    best = complete.sort_values(list(objectives), ascending=[False, True][: len(objectives)], kind="stable").iloc[0]
    found = looks(folder)
    if found and found[-1]["trial"] == best["trial"]:
        return found[-1]
    rows = folder / "trials" / best["variant"]
    noted = {
        "trials": len(trials),
        "trial": int(best["trial"]),
        "label": marked(complete)[best.name],
        **{name: best[name] for name in ("spec", "protocol")},
        "validation": float(best["score"]),
        "test": _test_scores(rows) if (rows / "rows.csv").is_file() else None,
    }
    write_json(folder / FILE, {"looks": [*found, noted]})
    return noted


def looks(folder: Path) -> list[dict[str, Any]]:
    """Every look at test scores, the first first."""
    path = folder / FILE
    return json.loads(path.read_text())["looks"] if path.is_file() else []


def text(folder: Path) -> str:
    """What a command says of the winner; "" where there is none yet."""
    found = looks(folder)
    if not found:
        return ""
    last = found[-1]
    lines = [f"Winner by validation among {last['trials']} variants: {last['label']} (trial {last['trial']})"]
    lines += [f"  {last['spec']}, {last['protocol']}; validation {last['validation']:.4f}"]
    if last["test"] is None:
        return "\n".join([*lines, "  Its test scores are where it was run."])
    scores = [f"{task} {metric} {value:.4f}" for task, by in last["test"].items() for metric, value in by.items()]
    lines += [f"  Test scores, of the winner alone: {', '.join(scores)}"]
    if len(found) > 1:
        before = ", ".join(f"after {each['trials']} variants" for each in found[:-1])
        lines += [f"  Test scores of other winners were looked at before: {before}."]
    return "\n".join(lines)


def _test_scores(folder: Path) -> dict[str, dict[str, float]]:
    """Of every task's primary metric, the mean over folds and seeds."""
    rows = read_rows(folder).query("primary")
    means = rows.groupby(["task", "metric"], sort=False)["score"].mean()
    found: dict[str, dict[str, float]] = {}
    for (task, metric), value in means.items():
        found.setdefault(str(task), {})[str(metric)] = float(value)
    return found
