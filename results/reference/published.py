"""Published scores as rows, to be set beside measured ones. Files and their exactness: results/reference/README.md.

Of a published row, `source` says where its score was published (measured rows have none), `spec` is the name by which
`published` finds it, and `tolerance` is the largest error of a score that was read off a figure (NaN: exact).
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import pandas as pd

from results.reference.sets import PAPER, READ_OFF, SETS, read, rows_of_set, set_rows
from results.rows.choices import choices

CHALLENGE = "HEAR 2021"
"""The submission date of the models that were in the challenge."""


def published(names: Iterable[str]) -> pd.DataFrame:
    """Select published scores as rows (`results.rows.rows.COLUMNS`), one a model and task, of its primary metric.

    Scores that were not reported have no row; a published zero has one.

    Args:
        names: sets (``fig5``), or ``set:model``, the model a pattern in any case (``leaderboard:*passt*``); a pattern
            that no whole name fits is tried from each word of names on (``leaderboard:panns`` is CVSSP PANNS).

    Raises:
        ValueError: for an unknown set or a pattern of no model; names the choices.
    """
    parts = [_selected(name) for name in names]
    if not parts:
        return rows_of_set("", "", pd.DataFrame(columns=["model", "task", "score", "tolerance"]))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["spec", "task"], ignore_index=True)


def is_published(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is published, not measured: whether it has a source."""
    return rows["source"].fillna("").astype(str) != ""


def set_of(rows: pd.DataFrame) -> pd.Series:
    """Name the set of each published row."""
    return rows["spec"].str.split(":", n=1).str[0]


def named(models: pd.Series, sets: pd.Series) -> pd.Series:
    """Name published models, with their set's name where they are of several sets."""
    return models + ("" if len(set(sets) - {""}) <= 1 else " (" + sets + ")")


def notes_on(rows: pd.DataFrame) -> list[str]:
    """List the traps of comparing the published scores among rows, a line each."""
    rows = rows[is_published(rows)]
    rows = rows.assign(model=named(rows["model"], set_of(rows)), set=set_of(rows))
    concerned: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for trap in read("traps.csv").itertuples():
        cells = concerned.setdefault((trap.note, trap.model), [])
        for row in rows.itertuples():
            if fnmatchcase(row.spec, f"{trap.set}:{trap.model}") and trap.task in ("*", row.task):
                model = f"scores of {row.set}" if trap.model == "*" else row.model
                cells.append((model, trap.task.strip("*")))
    return [f"{_subject(cells)}: {note}." for (note, _), cells in concerned.items() if cells]


def leaderboard_models() -> pd.DataFrame:
    """List the leaderboard's 34 models: model, url, submission (a date or "HEAR 2021"), challenge (whether in that)."""
    table = read("hear_leaderboard.csv")[["Model", "URL", "Submission Date"]]
    table = table.set_axis(["model", "url", "submission"], axis=1)
    return table.assign(challenge=table["submission"] == CHALLENGE)


def challenge_best() -> pd.Series:
    """Give the best score of the 2021 challenge by task, over which the paper normalizes scores."""
    models = leaderboard_models()
    rows = published(["leaderboard"])
    return rows[rows["model"].isin(models.loc[models["challenge"], "model"])].groupby("task")["score"].max()


def boxes() -> pd.DataFrame:
    """Read Figures 6 to 9 of the paper, whose boxes alone are published: normalized scores by category of tasks.

    Columns: figure, model, category, whisker_hi, q3, median, q1, whisker_lo, fliers (a tuple), note, source, tolerance.
    A box that could not be read off is NaN, and its note says so.
    """
    table = read("koutini2022_fig6_to_fig9_boxplots_digitised.csv").fillna({"note": ""})
    odd = table["figure"].isin(["Fig8", "Fig9"]) & (table["model"] == "wav2vec2") & (table["category"] == "general")
    table.loc[odd, "note"] += "; the box is not the leaderboard's scores, but as if FSD50K were .117, not .342"
    fliers = [() if pd.isna(value) else (float(value),) for value in table["fliers"]]
    return table.assign(fliers=fliers, source=_figure(table["figure"]), tolerance=READ_OFF)


def category_means() -> pd.DataFrame:
    """Read mean normalized scores by category: figure, model, speech, music, general, all, source, tolerance.

    They were calculated from values read off Figures 6 to 10; the paper prints none of them.
    """
    table = read("koutini2022_category_means_derived.csv")
    table = table.set_axis(["figure", "model", "speech", "music", "general", "all"], axis=1)
    return table.assign(source="calculated from " + _figure(table["figure"]), tolerance=READ_OFF)


def feature_sets() -> pd.DataFrame:
    """Read the scores of EfficientAT's feature sets by category: feature_set, dim, general, music, speech, all, source.

    They are averages of normalized scores, as fractions; they are printed in percent, exact.
    """
    table = read("efficientat_hear_table2_feature_sets.csv")
    shares = {name: (table[name] / 100).round(6) for name in ("general", "music", "speech", "all")}
    source = "Low-complexity Audio Embedding Extractors (arXiv 2303.01879), Table II"
    return table.assign(**shares, source=source)


def _selected(name: str) -> pd.DataFrame:
    """Select the rows of a set, or of its models that a pattern fits."""
    key, _, pattern = name.partition(":")
    if key.lower() not in SETS:
        only = " (Figures 6 to 9 are box plots: results.reference.published.boxes)" if key.lower() in _BOXES else ""
        known = choices(key, SETS, "`ablate reference`")
        raise ValueError(f"unknown reference {name!r}{only}{known}, or SET:MODEL with a pattern")
    rows = set_rows(key.lower())
    if ":" not in name:
        return rows
    whole = [fnmatchcase(model.lower(), pattern.lower()) for model in rows["model"]]
    words = [fnmatchcase(model.lower(), f"* {pattern.lower()}") for model in rows["model"]]
    selected = rows[whole if any(whole) else words]
    if selected.empty:
        known = choices(pattern, rows["model"].unique(), f"`ablate reference {key}`")
        raise ValueError(f"reference {name!r} is of no model{known}")
    return selected


_BOXES = ("fig6", "fig7", "fig8", "fig9")


def _figure(names: pd.Series) -> pd.Series:
    return f"{PAPER}, Figure " + names.str.removeprefix("Fig")


def _subject(cells: Iterable[tuple[str, str]]) -> str:
    models, tasks = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    return ", ".join(models) + (f" on {', '.join(tasks)}" if any(tasks) else "")
