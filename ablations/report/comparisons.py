"""The comparisons of a page: of named pairs on the same clips, and over tasks where these are enough to tell."""

import pandas as pd

from ablations.report.compare import Compared, ranking_line
from ablations.report.compare_text import AGAINST_CLEAN, CHANGES, ON_CHANGED, ON_CHANGES
from ablations.report.sheets import LONG, Sheet, of_frame
from results.scores.labels import labels
from results.statistics.conditions import changes_shown, not_compared, shown
from results.statistics.versus import NOT_COMPARED

LEVEL = 0.05
ON_CLIPS = (
    "Difference: A less B, with its own 95% interval. p (Holm) is corrected for all comparisons of the table that can "
    "reach 95%; the verdict follows from it."
)
OVER_TASKS = (
    "Wilcoxon's signed-rank test over tasks; difference: the median of a less b; p_holm: corrected over pairs, from "
    "which the verdict follows."
)
VARIANCE = "Over folds, over seeds, what is left of both, over the points of the grid; – is not known."


def sheets(comparison: Compared) -> tuple[list[Sheet], list[str]]:
    """Make the tables of comparisons that could be significant, and a line for each kind that could not."""
    tables, notes = [], [f"{note[0].upper()}{note[1:]}." for note in comparison.notes]
    if comparison.clips is not None and len(comparison.clips):
        tables.append(_on_clips(comparison.clips))
    if comparison.conditions is not None:
        changed = shown(comparison.conditions)
        numbers = [*changed.columns[3:8]]
        lines = not_compared(comparison.conditions)
        tables.append(
            of_frame(AGAINST_CLEAN, changed, [ON_CHANGED, *lines], numbers=numbers, folded=len(changed) > LONG)
        )
    if comparison.changes is not None:
        changes = changes_shown(comparison.changes)
        lines = not_compared(comparison.changes)
        tables.append(of_frame(CHANGES, changes, [ON_CHANGES, *lines], numbers=changes.columns[4:9], folded=True))
    if comparison.ranking is not None:
        ranks = comparison.ranking.ranks.rename("mean rank").rename_axis("model").reset_index()
        tables.append(of_frame("Mean ranks over tasks", ranks, [ranking_line(comparison.ranking)]))
    if comparison.tasks is not None and len(comparison.tasks):
        if reason := too_few_tasks(comparison.tasks):
            notes.append(reason)
        else:
            few = [f"Not established: {reason}." for reason in comparison.tasks["reason"].unique() if reason]
            pairs = comparison.tasks.drop(columns="reason")
            tables.append(of_frame("Pairs of models over tasks", pairs, [OVER_TASKS, *few]))
    return tables, notes


def too_few_tasks(pairs: pd.DataFrame) -> str:
    """Say that no pair can differ over so few tasks; empty where one could.

    The smallest p of n tasks is that of all differences having one sign, 2 / 2^n; Holm multiplies it by the number of
    pairs.

    Args:
        pairs: `results.statistics.ranks.pairwise_wilcoxon`.
    """
    tasks, tested = int(pairs["tasks"].max()), int(pairs["p_holm"].notna().sum())
    if tested and 2.0 ** (1 - tasks) * tested <= LEVEL:
        return ""
    of_pairs = f" and {len(pairs)} pairs" if len(pairs) > 1 else ""
    return f"Pairs are not tested over tasks: with {tasks} task{'s' * (tasks != 1)}{of_pairs}, none can reach 95%."


def variance_sheet(components: pd.DataFrame) -> Sheet | None:
    """Make the table of `results.statistics.variance.variance`, of the lines and columns that have a value."""
    names = [name for name in components if name.endswith("_variance")]
    table = components.assign(model=labels(components)).drop(columns=["metric", "untrained"])
    known = table.dropna(subset=names, how="all")
    known = known.drop(columns=[name for name in names if known[name].isna().all()])
    return of_frame("Variance of scores", known, [VARIANCE], folded=len(known) > LONG) if len(known) else None


def _on_clips(clips: pd.DataFrame) -> Sheet:
    lines = clips.drop_duplicates(["a", "b", "task", "metric"])
    compared = lines[lines["verdict"] != NOT_COMPARED]
    intervals = zip(compared["low"], compared["high"], strict=True)
    shown = pd.DataFrame(
        {
            "A against B": compared["a"] + " against " + compared["b"],
            "task": compared["task"],
            "difference": compared["difference"].map("{:+.3f}".format),
            "95% interval": ["–" if pd.isna(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in intervals],
            "verdict": compared["verdict"],
            "p (Holm)": compared["p_holm"].map(lambda p: "–" if pd.isna(p) else f"{p:.3g}"),
            "score A": compared["score_a"].map("{:.3f}".format),
            "score B": compared["score_b"].map("{:.3f}".format),
            "units": [_units(*pair) for pair in zip(compared["clips"], compared["groups"], strict=True)],
        }
    )
    numbers = ("score A", "score B", "difference", "95% interval", "p (Holm)")
    notes = [ON_CLIPS, *(f"{text}." for text in _reasons(lines))]
    return of_frame("Pairs of models on the same test clips", shown, notes, numbers=numbers)


def _units(clips: float, groups: float) -> str:
    return f"{clips:.0f} clips" if pd.isna(groups) else f"{groups:.0f} groups"


def _reasons(lines: pd.DataFrame) -> list[str]:
    """Say why differences can't be established or were not compared; a line for each reason."""
    reasons = lines[lines["reason"] != ""].groupby("reason", sort=False)["task"]
    return [f"{', '.join(tasks.unique())}: {reason}" for reason, tasks in reasons]
