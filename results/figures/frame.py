"""What figures draw: the table of scores with, for each model, what its rows say of it."""

import pandas as pd

from results import beside
from results.reference import is_published
from results.rows import task_table
from results.tables import UNTRAINED_MARK, is_untrained, scores


def scores_of(rows: pd.DataFrame) -> pd.DataFrame:
    """`results.tables.scores`, with three columns more.

    name: the model without marks, the same for a published model and a measured one that is called like it; spec, the
    text of its spec (of published ones set:model); untrained, whether its weights are.

    Raises:
        ValueError: where there are no rows.
    """
    if rows.empty:
        raise ValueError("no rows to draw")
    shown = beside.shown(rows)
    untrained, published = is_untrained(shown["weights"]), is_published(shown)
    bare = shown["spec"].str.split(":", n=1).str[-1].where(published, shown["model"])
    label = shown["model"].where(~untrained, shown["model"] + UNTRAINED_MARK)
    about = pd.DataFrame({"model": label, "name": bare, "spec": shown["spec"], "untrained": untrained})
    return scores(rows).merge(about.drop_duplicates("model"), on="model", how="left", validate="many_to_one")


def task_name(task: str) -> str:
    """What the paper calls a HEAR task; any other is called by its key."""
    table = task_table()
    return str(table.loc[task, "paper_name"]) if task in table.index else task


def category_of(task: str) -> str:
    """speech, music or general; "other" for a task that is none of HEAR's."""
    table = task_table()
    return str(table.loc[task, "category"]) if task in table.index else "other"
