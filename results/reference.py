"""Published scores as rows, to be set beside measured ones. Files and their exactness: results/reference/README.md.

A published row's `source` says where its score was published (measured rows have none), its `spec` by which name
`published` finds it, its `tolerance` how exactly it was read off a figure (NaN: exact).
"""

import functools
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

import pandas as pd

from results.rows import COLUMNS, NUMBERS, TASKS_FILE, task_table

FOLDER = TASKS_FILE.parent
PAPER = "Koutini et al. 2022 (PMLR 166)"
DIGITISED = 0.003
"""The largest error of a value read off a bar or a box of the paper's figures."""
CHALLENGE = "HEAR 2021"
"""The submission date of the models that were in the challenge."""

CED_TASKS = {
    "Beehive States Avg": "Beehive",
    "Beijing Opera Percussion": "Beijing Opera",
    "DCASE16": "DCASE 2016",
    "GTZAN Music Speech": "GTZAN Music/Speech",
    "Gunshot Triangulation": "Gunshot",
    "LibriCount": "Libricount",
    "MAESTRO 5hr": "Maestro 5h",
    "NSynth Pitch 50hr": "NSynth Pitch 50h",
    "NSynth Pitch 5hr": "NSynth Pitch 5h",
    "Speech Commands 5hr": "Speech commands 5h",
    "Speech Commands Full": "Speech commands full",
    "Vocal Imitations": "Vocal Imitation",
    "VoxLingua107 Top10": "VoxLingua107 top 10",
}
"""CED's names of tasks, where these are not the leaderboard's."""


def published(names: Iterable[str]) -> pd.DataFrame:
    """Published scores as rows of `results.rows.COLUMNS`: one a model and task, of the task's primary metric.

    Scores that were not reported have no row; a published zero has one.

    Args:
        names: each a set (``fig5``) or ``set:model``, the model a pattern in any case (``leaderboard:*passt*``).

    Raises:
        ValueError: for a set that is not known or a pattern of no model; names the choices.
    """
    found = [_named(name) for name in names]
    if not found:
        return _rows("", "", pd.DataFrame(columns=["model", "task", "score"]))
    return pd.concat(found, ignore_index=True).drop_duplicates(["spec", "task"], ignore_index=True)


def is_published(rows: pd.DataFrame) -> pd.Series:
    """Whether a row is of a publication, not measured: whether it has a source."""
    return rows["source"].fillna("").astype(str) != ""


def set_of(rows: pd.DataFrame) -> pd.Series:
    """The set that each published row is of."""
    return rows["spec"].str.split(":", n=1).str[0]


def sets() -> pd.DataFrame:
    """Every set: models, tasks, scores, tolerance (NaN: exact) and source, by name."""
    found = {name: published([name]) for name in SETS}
    table = {
        name: {
            "models": rows["model"].nunique(),
            "tasks": rows["task"].nunique(),
            "scores": len(rows),
            "tolerance": rows["tolerance"].max(),
            "source": rows["source"].iloc[0],
        }
        for name, rows in found.items()
    }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("set")


def notes_on(rows: pd.DataFrame) -> list[str]:
    """What to know before the published scores among `rows` are compared: the traps that concern them."""
    rows = rows[is_published(rows)]
    concerned: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for trap in pd.read_csv(FOLDER / "traps.csv").itertuples():
        names = zip(rows["spec"], rows["model"], rows["task"], strict=True)
        cells = [(m, t) for s, m, t in names if fnmatchcase(s, f"{trap.set}:{trap.model}") and trap.task in ("*", t)]
        tasks = "" if trap.task == "*" else trap.task
        who = "published scores" if trap.model == "*" else None
        found = concerned.setdefault((trap.note, trap.model), [])
        found += [(who or model, tasks) for model, _ in cells]
    return [f"{_subject(cells)}: {note}." for (note, _), cells in concerned.items() if cells]


def leaderboard_models() -> pd.DataFrame:
    """The leaderboard's 34 models: model, url, submission (a date or "HEAR 2021"), challenge (whether in that)."""
    found = _read("hear_leaderboard.csv")[["Model", "URL", "Submission Date"]]
    found = found.set_axis(["model", "url", "submission"], axis=1)
    return found.assign(challenge=found["submission"] == CHALLENGE)


def challenge_best() -> pd.Series:
    """The best score of the 2021 challenge by task: what the paper divides scores by."""
    models = leaderboard_models()
    rows = published(["leaderboard"])
    return rows[rows["model"].isin(models.loc[models["challenge"], "model"])].groupby("task")["score"].max()


def boxes() -> pd.DataFrame:
    """Figures 6 to 9 of the paper, of which only boxes are published: normalized scores by category of tasks.

    Columns: figure, model, category, whisker_hi, q3, median, q1, whisker_lo, fliers (a tuple), note, source, tolerance.
    A box that could not be read off is NaN, and its note says so.
    """
    found = _read("koutini2022_fig6_to_fig9_boxplots_digitised.csv").fillna({"note": ""})
    odd = found["figure"].isin(["Fig8", "Fig9"]) & (found["model"] == "wav2vec2") & (found["category"] == "general")
    found.loc[odd, "note"] += "; the box is not the leaderboard's scores, but as if FSD50K were .117, not .342"
    fliers = [() if pd.isna(value) else (float(value),) for value in found["fliers"]]
    return found.assign(fliers=fliers, source=_figure(found["figure"]), tolerance=DIGITISED)


def category_means() -> pd.DataFrame:
    """Mean normalized scores by category: figure, model, speech, music, general, all, source, tolerance.

    Calculated from values read off Figures 6 to 10; the paper prints none of them.
    """
    found = _read("koutini2022_category_means_derived.csv")
    found = found.set_axis(["figure", "model", "speech", "music", "general", "all"], axis=1)
    return found.assign(source="calculated from " + _figure(found["figure"]), tolerance=DIGITISED)


def feature_sets() -> pd.DataFrame:
    """Feature sets of EfficientAT, by category: feature_set, dim, general, music, speech, all, source.

    Averages of normalized scores (a fraction; printed in percent). Exact.
    """
    found = _read("efficientat_hear_table2_feature_sets.csv")
    shares = {name: (found[name] / 100).round(6) for name in ("general", "music", "speech", "all")}
    source = "Low-complexity Audio Embedding Extractors (arXiv 2303.01879), Table II"
    return found.assign(**shares, source=source)


def _leaderboard() -> pd.DataFrame:
    found = _read("hear_leaderboard.csv").drop(columns=["URL", "Submission Date"])
    source = "HEAR leaderboard (hearbenchmark.com/hear-leaderboard)"
    return _rows("leaderboard", source, _long(found.rename(columns={"Model": "model"})))


def _ced() -> pd.DataFrame:
    """Percent with two digits; divided by 100."""
    found = _long(_read("ced_hear_readme.csv").rename(columns={"Model": "model"} | CED_TASKS))
    source = "HEAR_CED (github.com/RicherMans/HEAR_CED), table of the README"
    return _rows("ced", source, found.assign(score=(found["score"] / 100).round(6)))


def _fig4_or_5(figure: str) -> pd.DataFrame:
    found = _read("koutini2022_fig4_fig5_timestamp_digitised.csv").query("figure == @figure")
    columns = {"dcase2016_onset_fms_read": "DCASE 2016", "maestro_onset_fms_read": "Maestro 5h"}
    found = _long(found.rename(columns=columns)[["model", *columns.values()]])
    return _rows(figure.lower(), f"{PAPER}, Figure {figure.removeprefix('Fig')}", found, DIGITISED)


def _fig10() -> pd.DataFrame:
    columns = {
        "passt_M+H_hop10ms_read": "PaSST M+H hop=10",
        "passt_L+M_2RF_hop5ms_read": "PaSST L+M 2RF hop=5",
    }
    found = _read("koutini2022_fig10_per_task_digitised.csv").set_index("task").rename(columns=columns)
    found = found[list(columns.values())].T.rename_axis(index="model", columns=None).reset_index()
    return _rows("fig10", f"{PAPER}, Figure 10", _long(found), DIGITISED)


SETS: dict[str, Callable[[], pd.DataFrame]] = {
    "leaderboard": functools.cache(_leaderboard),
    "fig4": functools.cache(functools.partial(_fig4_or_5, "Fig4")),
    "fig5": functools.cache(functools.partial(_fig4_or_5, "Fig5")),
    "fig10": functools.cache(_fig10),
    "ced": functools.cache(_ced),
}


def _named(name: str) -> pd.DataFrame:
    """The rows of a set, or of its models that a pattern stands for."""
    key, _, pattern = name.partition(":")
    if key.lower() not in SETS:
        only = " (Figures 6 to 9 are box plots: results.reference.boxes)" if key.lower() in _BOXES else ""
        choices = ", ".join(SETS)
        raise ValueError(f"unknown reference {name!r}{only}; expected one of {choices}, or SET:MODEL with a pattern")
    rows = SETS[key.lower()]()
    if ":" not in name:
        return rows
    found = rows[[fnmatchcase(model.lower(), pattern.lower()) for model in rows["model"]]]
    if found.empty:
        models = ", ".join(rows["model"].unique())
        raise ValueError(f"reference {name!r} is of no model; expected a pattern of {models}")
    return found


_BOXES = ("fig6", "fig7", "fig8", "fig9")


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / name)


def _figure(names: pd.Series) -> pd.Series:
    return f"{PAPER}, Figure " + names.str.removeprefix("Fig")


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """model, task (the leaderboard's name), score: of a table of models x tasks, without its empty cells.

    Models keep their order, and within a model the tasks.
    """
    return wide.set_index("model").stack(future_stack=True).rename_axis(["model", "task"]).rename("score").reset_index().dropna()


def _rows(name: str, source: str, found: pd.DataFrame, tolerance: float = float("nan")) -> pd.DataFrame:
    """Rows of a set, from model, task and score."""
    table = task_table().reset_index().set_index("leaderboard_name")
    rows = pd.DataFrame({column: float("nan") if column in NUMBERS else "" for column in COLUMNS}, found.index)
    return rows.assign(
        model=found["model"],
        family="published",
        spec=f"{name}:" + found["model"],
        weights="published",
        task=found["task"].map(table["key"]),
        metric=found["task"].map(table["primary_metric"]),
        primary=True,
        score=found["score"].astype(float),
        protocol="hear2021",
        source=source,
        tolerance=tolerance,
    )


def _subject(cells: Iterable[tuple[str, str]]) -> str:
    models, tasks = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    return ", ".join(models) + (f" on {', '.join(tasks)}" if any(tasks) else "")
