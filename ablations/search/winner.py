"""The winner of a search by validation, and every look at test scores.

`winner.json` keeps every look at test scores. Whoever continues a search after a look chooses among variants with
knowledge of the test, so a later report says how many looks came before it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from ablations.search.trial import trial_folder
from downstream.disk.files import write_json
from results.figures.search import marked
from results.rows.rows import read_rows

FILE = "winner.json"


@dataclass(frozen=True)
class Look:
    """One look at the test scores of a winner.

    Attributes:
        trials: number of variants that it was chosen among.
        trial: its number.
        label: its name.
        spec: the model's spec.
        protocol: the protocol of its probes.
        validation: its validation score.
        test: task -> metric -> mean over folds and seeds; None if the winner was run in another folder.
    """

    trials: int
    trial: int
    label: str
    spec: str
    protocol: str
    validation: float
    test: Mapping[str, Mapping[str, float]] | None


def look(folder: Path, trials: pd.DataFrame, objectives: Sequence[str]) -> None:
    """Note the winner with its test scores.

    Nothing is noted if no trial is complete, or the last look was at the same trial.

    Args:
        folder: the folder of the search's run.
        trials: all trials, ended, as of `report.trials_table`.
        objectives: the search's.
    """
    complete = trials[trials["state"] == "complete"]
    if complete.empty:
        return
    best = complete.sort_values(list(objectives), ascending=[False, True][: len(objectives)], kind="stable").iloc[0]
    earlier = looks(folder)
    if earlier and earlier[-1].trial == best["trial"]:
        return
    rows = trial_folder(folder, best["variant"])
    latest = Look(
        trials=len(trials),
        trial=int(best["trial"]),
        label=marked(complete)[best.name],
        spec=best["spec"],
        protocol=best["protocol"],
        validation=float(best["score"]),
        test=_test_scores(rows) if (rows / "rows.csv").is_file() else None,
    )
    write_json(folder / FILE, {"looks": [asdict(look) for look in (*earlier, latest)]})


def looks(folder: Path) -> list[Look]:
    """Every look at test scores, in their order."""
    path = folder / FILE
    return [Look(**look) for look in json.loads(path.read_text())["looks"]] if path.is_file() else []


def text(folder: Path) -> str:
    """The winner for a terminal; "" if there is none yet."""
    if not (every_look := looks(folder)):
        return ""
    *earlier, last = every_look
    lines = [
        f"Winner by validation among {last.trials} variants: {last.label} (trial {last.trial})",
        f"  {last.spec}, {last.protocol}; validation {last.validation:.4f}",
    ]
    if last.test is None:
        return "\n".join([*lines, "  Its test scores are where it was run."])
    scores = [f"{task} {metric} {value:.4f}" for task, by in last.test.items() for metric, value in by.items()]
    lines.append(f"  Test scores, of the winner alone: {', '.join(scores)}")
    if earlier:
        before = ", ".join(f"after {look.trials} variants" for look in earlier)
        lines.append(f"  Test scores of other winners were looked at before: {before}.")
    return "\n".join(lines)


def _test_scores(folder: Path) -> dict[str, dict[str, float]]:
    """Task -> metric -> mean over folds and seeds, for the primary metrics."""
    rows = read_rows(folder).query("primary")
    means = rows.groupby(["task", "metric"], sort=False)["score"].mean()
    scores: dict[str, dict[str, float]] = {}
    for (task, metric), mean in means.items():
        scores.setdefault(str(task), {})[str(metric)] = float(mean)
    return scores
