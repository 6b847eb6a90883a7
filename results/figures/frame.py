"""The door of figures: scores with labels, the notes below, and what the paper calls tasks."""

import pandas as pd

from results.rows.rows import task_table
from results.scores.labels import labels
from results.scores.notes import notes
from results.scores.scores import Rows, Scored


def drawn(rows: Rows) -> tuple[pd.DataFrame, list[str]]:
    """Prepare rows to be drawn: their scores with a column label, and the lines below the figure.

    Raises:
        ValueError: for no rows.
    """
    scored = Scored.of(rows)
    if scored.rows.empty:
        raise ValueError("no rows to draw")
    return scored.scores.assign(label=labels(scored.scores)), notes(scored.rows, protocol=False)


def task_name(task: str) -> str:
    """Name a HEAR task as the paper does; any other task is called by its key."""
    tasks = task_table()
    return str(tasks.loc[task, "paper_name"]) if task in tasks.index else task


def category_of(task: str) -> str:
    """Name the category of a task: speech, music or general; "other" for a task that is none of HEAR's."""
    tasks = task_table()
    return str(tasks.loc[task, "category"]) if task in tasks.index else "other"
