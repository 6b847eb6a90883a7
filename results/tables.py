"""The comparison table: models x tasks, the primary metric, mean and standard deviation over folds and seeds."""

import pandas as pd

UNTRAINED_MARK = "†"
UNTRAINED_NOTE = f"{UNTRAINED_MARK} untrained weights (random, from a seed): shows the pipeline, not the model."

USUAL_PROTOCOL = "hear2021"


def is_untrained(weights: pd.Series) -> pd.Series:
    """Whether the weights column says so."""
    return weights.astype(str).str.startswith("untrained")


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Per model and task: mean, std (ddof 1, NaN for one value) and count of the primary metric, with its name.

    A fold without a score (NaN: nothing was predicted) makes the mean NaN; hear-eval-kit's leaves it out. Models and
    tasks keep the order of the rows; models with untrained weights carry the mark.
    """
    primary = rows[rows["primary"].astype(bool)].copy()
    primary["model"] = primary["model"].where(~is_untrained(primary["weights"]), primary["model"] + UNTRAINED_MARK)
    grouped = primary.groupby(["model", "task", "metric"], sort=False)
    exact = {"mean": lambda s: s.mean(skipna=False), "std": lambda s: s.std(skipna=False), "count": "size"}
    return grouped.agg(**{name: ("score", how) for name, how in exact.items()}).reset_index()


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Models x tasks, as text: mean with the standard deviation over folds, "–" where nothing was measured.

    A task's column names its primary metric.
    """
    found = scores(rows)
    models, columns = found["model"].unique(), (found["task"] + " (" + found["metric"] + ")").unique()
    found["column"] = found["task"] + " (" + found["metric"] + ")"
    found["text"] = [_text(mean, std) for mean, std in zip(found["mean"], found["std"], strict=True)]
    wide = found.pivot_table(index="model", columns="column", values="text", aggfunc="first", sort=False)
    return wide.reindex(index=models, columns=columns).fillna("–").rename_axis(index="model", columns=None)


def to_markdown(rows: pd.DataFrame) -> str:
    """The table in markdown, with notes on what its numbers are where that is not plain."""
    text = table(rows).to_markdown(disable_numparse=True, colalign=("left", *["right"] * rows["task"].nunique()))
    return "\n".join([text, *(f"\n{note}" for note in notes(rows))])


def notes(rows: pd.DataFrame) -> list[str]:
    """On untrained weights, on another protocol than HEAR's or several seeds, on scores that are not defined."""
    found = [UNTRAINED_NOTE] if is_untrained(rows["weights"]).any() else []
    protocols, seeds = sorted(rows["protocol"].dropna().unique()), rows["seed"].nunique()
    if protocols != [USUAL_PROTOCOL] or seeds > 1:
        over = f", over {seeds} seeds" if seeds > 1 else ""
        found.append(f"Protocol {' and '.join(protocols)}{over}.")
    missing = rows[rows["primary"].astype(bool) & rows["score"].isna() & (rows["reason"].fillna("") != "")]
    for (model, task, reason), group in missing.groupby(["model", "task", "reason"], sort=False):
        found.append(f"nan: {model} on {task}, {', '.join(map(str, group['fold'].unique()))}: {reason}.")
    return found


def _text(mean: float, std: float) -> str:
    if pd.isna(mean):
        return "nan"
    return f"{mean:.3f}" if pd.isna(std) else f"{mean:.3f} ± {std:.3f}"
