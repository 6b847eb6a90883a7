"""The sets of published scores as rows: a set is a file of results/reference (README.md there) and a row of sets.csv.

A file has a row a model, with a column model and columns that have the leaderboard's names of tasks. `NAMES` translates
others; columns of another name are left out. A file without a column model has a row a task, and columns of models. A
file with columns model, task and score has a row a score; its column tolerance says how exactly each was read off.
"""

import functools

import pandas as pd

from results.rows.rows import COLUMNS, NUMBERS, TASKS_FILE, task_table

FOLDER = TASKS_FILE.parent
PAPER = "Koutini et al. 2022 (PMLR 166)"
USUAL_PROTOCOL = "hear2021"
"""The protocol of HEAR itself; a set that names none is of this one."""
READ_OFF = 0.003
"""The largest error of a value that was read off a bar or a box of the paper's figures."""

MODELS = {
    "passt_M+H_hop10ms_read": "PaSST M+H hop=10",
    "passt_L+M_2RF_hop5ms_read": "PaSST L+M 2RF hop=5",
}
"""Columns of models of a file with a row a task, and the models' names."""
NAMES = {
    "Model": "model",
    "dcase2016_onset_fms_read": "DCASE 2016",
    "maestro_onset_fms_read": "Maestro 5h",
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
"""Columns of files, and what the leaderboard calls them."""


def read(name: str) -> pd.DataFrame:
    """Read a file of results/reference."""
    return pd.read_csv(FOLDER / name)


@functools.cache
def set_rows(name: str) -> pd.DataFrame:
    """Read the rows of a set.

    Args:
        name: a row of sets.csv.
    """
    declared = read("sets.csv").set_index("set").loc[name]
    table = read(declared["file"]).rename(columns=NAMES)
    if pd.notna(declared["figure"]):
        table = table[table["figure"] == declared["figure"]]
    if "model" not in table:
        wide = table.set_index("task")[list(MODELS)].rename(columns=MODELS)
        table = wide.T.rename_axis(index="model", columns=None).reset_index()
    if "task" in table and "score" in table:
        lines = table[["model", "task", "score", "tolerance"]].reset_index(drop=True)
    else:
        tasks = [column for column in table if column in set(task_table()["leaderboard_name"])]
        lines = _long(table[["model", *tasks]]).assign(tolerance=float(declared["tolerance"]))
    if declared["unit"] == "percent":
        lines = lines.assign(score=(lines["score"] / 100).round(6))
    named = declared.get("protocol")
    return rows_of_set(name, declared["source"], lines, USUAL_PROTOCOL if pd.isna(named) else str(named))


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """Turn a table of models x tasks into lines: model, task (the leaderboard's name), score; without empty cells.

    Models keep their order, and within a model the tasks.
    """
    places = {model: place for place, model in enumerate(wide["model"])}
    lines = wide.melt("model", var_name="task", value_name="score").dropna(subset="score")
    return lines.sort_values("model", key=lambda models: models.map(places), kind="stable", ignore_index=True)


def rows_of_set(name: str, source: str, lines: pd.DataFrame, protocol: str = USUAL_PROTOCOL) -> pd.DataFrame:
    """Make the rows of a set.

    Args:
        name: of the set.
        source: where it was published.
        lines: model, task (the leaderboard's name), score and tolerance, the largest error of a score that was read
            off a figure; NaN for an exact one.
        protocol: how the scores were measured.
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
        protocol=protocol,
        source=source,
        tolerance=lines["tolerance"].astype(float),
    )


SETS = tuple(read("sets.csv")["set"])
"""The sets by name, in the order in which they are listed."""
