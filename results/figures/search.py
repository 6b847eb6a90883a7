"""Figures of a search: score against cost with the Pareto front, its course, and what its parameters matter.

They draw the trials of `ablations.search`, one row each: trial, state (complete, pruned, failed, running), score (of
validation), label, front (on it, of complete ones), and a column of the cost where there is one.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from results.figures.style import COLUMN, PAGE, SMALL, palette, sheet

LABELS = 12  # of the front; more are numbers of trials
SCORE_LABEL = "validation score"


def search_front(trials: pd.DataFrame, title: str | None = None, *, cost: str, label: str | None = None) -> Figure:
    """Score against cost of complete trials; the line is the Pareto front.

    Args:
        cost: the column to be low. label: what its axis says.

    Raises:
        ValueError: without a complete trial.
    """
    found = _complete(trials)
    color = palette(["front"])["front"]
    with sheet(PAGE, 3.2, title=title) as figure:
        axes = figure.subplots()
        axes.plot(found[cost], found["score"], "o", ms=4, color="0.7", zorder=1)
        front = found[found["front"]].sort_values([cost, "score"])
        axes.step(front[cost], front["score"], where="post", color=color, linewidth=1)
        axes.plot(front[cost], front["score"], "o", ms=5, color=color)
        if (found[cost] > 0).all():
            axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        for place, row in enumerate(front.drop_duplicates(["score", cost]).itertuples()):
            name = row.label if len(front) <= LABELS else str(row.trial)
            above = (4, 3, "left", "bottom") if place % 2 else (4, -3, "left", "top")
            x, y, horizontal, vertical = above
            where = (getattr(row, cost), row.score)
            offset = {"textcoords": "offset points", "ha": horizontal, "va": vertical, "fontsize": SMALL}
            axes.annotate(name, where, (x, y), **offset)
        axes.margins(x=0.25, y=0.12)
        axes.grid()
        axes.set_xlabel(label or cost)
        axes.set_ylabel(SCORE_LABEL)
    return figure


def search_history(trials: pd.DataFrame, title: str | None = None) -> Figure:
    """The score of each trial in their order, and the best so far; crosses are pruned trials, with what they had.

    Raises:
        ValueError: without a complete trial.
    """
    found = _complete(trials)
    order = pd.Series(np.arange(1, len(trials) + 1), index=trials.index)
    pruned = trials[(trials["state"] == "pruned") & np.isfinite(trials["score"].astype(float))]
    color = palette(["best"])["best"]
    notes = [f"{len(pruned)} of {len(trials)} trials were pruned: ended behind their first folds."] * bool(len(pruned))
    with sheet(COLUMN, 2.4, notes, title=title) as figure:
        axes = figure.subplots()
        axes.plot(order[pruned.index], pruned["score"], "x", ms=4, color="0.6")
        axes.plot(order[found.index], found["score"], "o", ms=3.5, color="0.6")
        axes.step(order[found.index], found["score"].cummax(), where="post", color=color, linewidth=1.2)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid()
        axes.set_xlabel("trials")
        axes.set_ylabel(SCORE_LABEL)
    return figure


def search_importances(importances: pd.DataFrame, title: str | None = None) -> Figure:
    """Bars of what share of the score's variance each parameter explains: columns parameter and importance.

    Raises:
        ValueError: where there are none.
    """
    if importances.empty:
        raise ValueError("no importances to draw")
    found = importances.sort_values("importance")
    with sheet(COLUMN, 0.6 + 0.22 * len(found), title=title) as figure:
        axes = figure.subplots()
        axes.barh(found["parameter"], found["importance"], color=palette(["bars"])["bars"], height=0.65)
        axes.set_xlim(0, max(1e-9, 1.05 * found["importance"].max()))
        axes.set_xlabel("importance (share of variance, fANOVA)")
        axes.grid(axis="x")
    return figure


def _complete(trials: pd.DataFrame) -> pd.DataFrame:
    found = trials[(trials["state"] == "complete") & np.isfinite(trials["score"].astype(float))]
    if found.empty:
        raise ValueError("no complete trial to draw")
    return found
