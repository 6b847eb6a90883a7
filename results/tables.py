"""The comparison table: models x tasks, the primary metric, mean and standard deviation over folds and seeds."""

import pandas as pd

from results import beside
from results.beside import READ_OFF_MARK, USUAL_PROTOCOL
from results.reference import is_published

UNTRAINED_MARK = "†"
UNTRAINED_NOTE = f"{UNTRAINED_MARK} untrained weights (random, from a seed): a floor, not what the model can do."


def is_untrained(weights: pd.Series) -> pd.Series:
    """Whether the weights column says so."""
    return weights.astype(str).str.startswith("untrained")


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Per model and task: mean, std (ddof 1, NaN for one value) and count of the primary metric, with its name.

    A fold without a score (NaN: nothing was predicted) makes the mean NaN; hear-eval-kit's leaves it out. Models and
    tasks keep the order of the rows; models with untrained weights carry the mark. Published models come last, marked,
    on the tasks and metrics that were measured; `tolerance` is theirs (NaN: exact), `published` says which these are.
    """
    primary = beside.shown(rows)
    untrained = is_untrained(primary["weights"])
    primary = primary.assign(
        model=primary["model"].where(~untrained, primary["model"] + UNTRAINED_MARK), published=is_published(primary)
    )
    grouped = primary.groupby(["model", "task", "metric"], sort=False)
    exact = {"mean": lambda s: s.mean(skipna=False), "std": lambda s: s.std(skipna=False), "count": "size"}
    kept = {name: (name, "first") for name in ("family", "tolerance", "published")}
    return grouped.agg(**{name: ("score", how) for name, how in exact.items()}, **kept).reset_index()


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Models x tasks, as text: mean with the standard deviation over folds, "–" where nothing was measured.

    A task's column names its primary metric. "≈" stands before what was read off a figure.
    """
    found = scores(rows)
    models, columns = found["model"].unique(), (found["task"] + " (" + found["metric"] + ")").unique()
    found["column"] = found["task"] + " (" + found["metric"] + ")"
    values = zip(found["mean"], found["std"], found["tolerance"], strict=True)
    found["text"] = [text(mean, std, tolerance) for mean, std, tolerance in values]
    wide = found.pivot_table(index="model", columns="column", values="text", aggfunc="first", sort=False)
    return wide.reindex(index=models, columns=columns).fillna("–").rename_axis(index="model", columns=None)


def to_markdown(rows: pd.DataFrame) -> str:
    """The table in markdown, with notes on what its numbers are where that is not plain."""
    found = table(rows)
    lines = found.to_markdown(disable_numparse=True, colalign=("left", *["right"] * found.shape[1]))
    return "\n".join([lines, *(f"\n{note}" for note in notes(rows))])


def notes(rows: pd.DataFrame) -> list[str]:
    """On untrained weights, on another protocol than HEAR's or several seeds, on scores that are not defined.

    Also on published scores, where there are any.
    """
    measured = rows[~is_published(rows)]
    found = [UNTRAINED_NOTE] if is_untrained(measured["weights"]).any() else []
    protocols, seeds = sorted(measured["protocol"].dropna().unique()), measured["seed"].nunique()
    if len(measured) and (protocols != [USUAL_PROTOCOL] or seeds > 1):
        over = f", over {seeds} seeds" if seeds > 1 else ""
        found.append(f"Protocol {' and '.join(protocols)}{over}.")
    missing = measured[measured["primary"].astype(bool) & measured["score"].isna()]
    missing = missing[missing["reason"].fillna("") != ""]
    for (model, task, reason), group in missing.groupby(["model", "task", "reason"], sort=False):
        found.append(f"nan: {model} on {task}, {', '.join(map(str, group['fold'].unique()))}: {reason}.")
    return found + beside.notes(rows)


def text(mean: float, std: float, tolerance: float = float("nan")) -> str:
    """A cell: the mean to three digits, its spread, and whether it was read off a figure."""
    if pd.isna(mean):
        return "nan"
    mark = "" if pd.isna(tolerance) else READ_OFF_MARK
    return f"{mark}{mean:.3f}" if pd.isna(std) else f"{mark}{mean:.3f} ± {std:.3f}"
