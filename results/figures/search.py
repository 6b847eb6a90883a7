"""Figures of a search: score against cost with the Pareto front, its course, and how much its parameters matter.

They draw the trials of `ablations.search`, one a row: trial, state (complete, pruned, failed, running), score (of
validation), label, weights, front (whether a complete trial is on it), and a column of the cost where there is one.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import COLUMN, PAGE, SMALL, hues
from results.scores.kinds import is_untrained
from results.scores.labels import UNTRAINED_NOTE, labels

LABELS = 16  # of the front, in lines below
NUMBERS = "Numbers are those of the trials."  # of more
SCORE_LABEL = "validation score"


def search_front(
    trials: pd.DataFrame,
    title: str | None = None,
    *,
    cost: str,
    label: str | None = None,
    notes: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Draw score against cost of complete trials; the line is the Pareto front.

    Args:
        cost: the column that is better low.
        label: of its axis.
        notes: whether to say below what the numbers are.
        ax: the panel to draw in, instead of a new figure.

    Raises:
        ValueError: without a complete trial.
    """
    complete = _complete(trials)
    color = hues()[0]
    front = complete[complete["front"]].sort_values([cost, "score"]).drop_duplicates([cost, "score"])
    names = [str(number) for number in range(1, len(front) + 1)] if len(front) <= LABELS else list(front["trial"])
    lines = [f"{name}: {label}" for name, label in zip(names, marked(front), strict=True)]
    lines = [*(lines if len(front) <= LABELS else [NUMBERS]), *_untrained(trials)]
    with sheet(PAGE, 3.0, lines if notes else [], title=title, ax=ax) as figure:
        axes = ax or figure.subplots()
        axes.plot(complete[cost], complete["score"], "o", ms=4, color="0.75", zorder=1)
        axes.step(front[cost], front["score"], where="post", color=color, linewidth=1)
        axes.plot(front[cost], front["score"], "o", ms=5, color=color)
        if (complete[cost] > 0).all():
            axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": SMALL}
        for name, x, y in zip(names, front[cost], front["score"], strict=True):
            axes.annotate(str(name), (x, y), (-3, 2), **beside)
        axes.margins(x=0.06, y=0.1)
        axes.grid()
        axes.set_xlabel(label or cost)
        axes.set_ylabel(SCORE_LABEL)
    return figure


def search_history(
    trials: pd.DataFrame, title: str | None = None, *, notes: bool = True, ax: Axes | None = None
) -> Figure:
    """Draw the score of each trial in order, and the best so far; crosses are the scores of pruned trials.

    Raises:
        ValueError: without a complete trial.
    """
    complete = _complete(trials)
    order = pd.Series(np.arange(1, len(trials) + 1), index=trials.index)
    pruned = trials[(trials["state"] == "pruned") & np.isfinite(trials["score"].astype(float))]
    lines = [f"{len(pruned)} of {len(trials)} trials were pruned: ended behind their first folds."] * bool(len(pruned))
    lines += _untrained(trials)
    with sheet(COLUMN, 2.4, lines if notes else [], title=title, ax=ax) as figure:
        axes = ax or figure.subplots()
        axes.plot(order[pruned.index], pruned["score"], "x", ms=4, color="0.6")
        axes.plot(order[complete.index], complete["score"], "o", ms=3.5, color="0.6")
        axes.step(order[complete.index], complete["score"].cummax(), where="post", color=hues()[0], linewidth=1.2)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid()
        axes.set_xlabel("trials")
        axes.set_ylabel(SCORE_LABEL)
    return figure


def search_importances(importances: pd.DataFrame, title: str | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw the share of the score's variance that each parameter explains, as bars.

    Args:
        importances: columns parameter and importance.


    Raises:
        ValueError: where there are none.
    """
    if importances.empty:
        raise ValueError("no importances to draw")
    shares = importances.sort_values("importance")
    with sheet(COLUMN, 0.6 + 0.22 * len(shares), title=title, ax=ax) as figure:
        axes = ax or figure.subplots()
        axes.barh(shares["parameter"], shares["importance"], color=hues()[0], height=0.65)
        axes.set_xlim(0, max(1e-9, 1.05 * shares["importance"].max()))
        axes.set_xlabel("share of variance (fANOVA)")
        axes.grid(axis="x")
    return figure


def marked(trials: pd.DataFrame) -> pd.Series:
    """Label trials, with the mark of untrained weights where they have such."""
    return labels(trials.assign(model=trials["label"], untrained=is_untrained(trials["weights"])))


def _untrained(trials: pd.DataFrame) -> list[str]:
    return [UNTRAINED_NOTE] if is_untrained(trials["weights"]).any() else []


def _complete(trials: pd.DataFrame) -> pd.DataFrame:
    complete = trials[(trials["state"] == "complete") & np.isfinite(trials["score"].astype(float))]
    if complete.empty:
        raise ValueError("no complete trial to draw")
    return complete
