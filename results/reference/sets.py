"""The sets of published scores as rows, each from a file of results/reference (README.md there)."""

import functools
from collections.abc import Callable

import pandas as pd

from results.rows.rows import COLUMNS, NUMBERS, TASKS_FILE, task_table

FOLDER = TASKS_FILE.parent
PAPER = "Koutini et al. 2022 (PMLR 166)"
READ_OFF = 0.003
"""The largest error of a value that was read off a bar or a box of the paper's figures."""

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
"""The leaderboard's names of tasks that CED calls otherwise."""


def read(name: str) -> pd.DataFrame:
    """Read a file of results/reference."""
    return pd.read_csv(FOLDER / name)


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """Turn a table of models x tasks into lines: model, task (the leaderboard's name), score; without empty cells.

    Models keep their order, and within a model the tasks.
    """
    places = {model: place for place, model in enumerate(wide["model"])}
    lines = wide.melt("model", var_name="task", value_name="score").dropna(subset="score")
    return lines.sort_values("model", key=lambda models: models.map(places), kind="stable", ignore_index=True)


def rows_of_set(name: str, source: str, lines: pd.DataFrame, tolerance: float = float("nan")) -> pd.DataFrame:
    """Make the rows of a set.

    Args:
        name: of the set.
        source: where it was published.
        lines: model, task (the leaderboard's name) and score.
        tolerance: the largest error of scores that were read off a figure; NaN for exact ones.
    """
    table = task_table().reset_index().set_index("leaderboard_name")
    rows = pd.DataFrame({column: float("nan") if column in NUMBERS else "" for column in COLUMNS}, lines.index)
    return rows.assign(
        model=lines["model"],
        family="published",
        spec=f"{name}:" + lines["model"],
        weights="published",
        task=lines["task"].map(table["key"]),
        metric=lines["task"].map(table["primary_metric"]),
        primary=True,
        score=lines["score"].astype(float),
        protocol="hear2021",
        source=source,
        tolerance=tolerance,
    )


def _leaderboard() -> pd.DataFrame:
    table = read("hear_leaderboard.csv").drop(columns=["URL", "Submission Date"])
    source = "HEAR leaderboard (hearbenchmark.com/hear-leaderboard)"
    return rows_of_set("leaderboard", source, _long(table.rename(columns={"Model": "model"})))


def _ced() -> pd.DataFrame:
    """Read CED's scores, which are percent with two digits."""
    lines = _long(read("ced_hear_readme.csv").rename(columns={"Model": "model"} | CED_TASKS))
    source = "HEAR_CED (github.com/RicherMans/HEAR_CED), table of the README"
    return rows_of_set("ced", source, lines.assign(score=(lines["score"] / 100).round(6)))


def _fig4_or_5(figure: str) -> pd.DataFrame:
    table = read("koutini2022_fig4_fig5_timestamp_digitised.csv").query("figure == @figure")
    columns = {"dcase2016_onset_fms_read": "DCASE 2016", "maestro_onset_fms_read": "Maestro 5h"}
    lines = _long(table.rename(columns=columns)[["model", *columns.values()]])
    return rows_of_set(figure.lower(), f"{PAPER}, Figure {figure.removeprefix('Fig')}", lines, READ_OFF)


def _fig10() -> pd.DataFrame:
    columns = {
        "passt_M+H_hop10ms_read": "PaSST M+H hop=10",
        "passt_L+M_2RF_hop5ms_read": "PaSST L+M 2RF hop=5",
    }
    table = read("koutini2022_fig10_per_task_digitised.csv").set_index("task").rename(columns=columns)
    wide = table[list(columns.values())].T.rename_axis(index="model", columns=None).reset_index()
    return rows_of_set("fig10", f"{PAPER}, Figure 10", _long(wide), READ_OFF)


SETS: dict[str, Callable[[], pd.DataFrame]] = {
    "leaderboard": functools.cache(_leaderboard),
    "fig4": functools.cache(functools.partial(_fig4_or_5, "Fig4")),
    "fig5": functools.cache(functools.partial(_fig4_or_5, "Fig5")),
    "fig10": functools.cache(_fig10),
    "ced": functools.cache(_ced),
}
