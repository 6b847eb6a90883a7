"""What figures draw: the table of scores with, for each model, what its rows say of it."""

from results.rows.rows import task_table
from results.scores.scores import scores_of

__all__ = ["category_of", "scores_of", "task_name"]


def task_name(task: str) -> str:
    """What the paper calls a HEAR task; any other is called by its key."""
    table = task_table()
    return str(table.loc[task, "paper_name"]) if task in table.index else task


def category_of(task: str) -> str:
    """speech, music or general; "other" for a task that is none of HEAR's."""
    table = task_table()
    return str(table.loc[task, "category"]) if task in table.index else "other"
