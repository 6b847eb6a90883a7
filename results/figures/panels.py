"""Bars: one panel a task, one bar a model, for any number of models."""

import textwrap

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from results.scores import beside
from results.tables.compose import UNTRAINED_MARK, UNTRAINED_NOTE, is_untrained, scores, text

HEIGHT_PER_MODEL, HEIGHT_OF_FRAME, HEIGHT_PER_LINE = 0.36, 1.15, 0.125  # inches
MANY_MODELS, HEIGHT_PER_MODEL_OF_MANY = 16, 0.24
NAMES_WIDTH, PANEL_WIDTH = 2.7, 2.5  # inches
LETTERS_PER_INCH = 17  # of the notes' type
PUBLISHED_COLOR = "0.8"
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.6}


def bars(rows: pd.DataFrame, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """The primary metric of every model, one panel a task; error bars are the standard deviation over folds.

    A score that is NaN has no bar, but says so.

    Families have colors; bars of untrained weights are hatched and marked, and a note says so. Published models come
    last, gray, dotted and marked, without error bars but where a value was read off a figure: its tolerance.
    `models` is not needed here.
    """
    if rows.empty:
        raise ValueError("no rows to draw")
    found = scores(rows)
    names, tasks = list(found["model"].unique()), list(found["task"].unique())
    families = list(found.loc[~found["published"], "family"].unique())
    palette = dict(zip(families, sns.color_palette("colorblind", len(families)), strict=True))
    width = NAMES_WIDTH + PANEL_WIDTH * len(tasks)
    notes = _notes(rows, round(LETTERS_PER_INCH * width))
    each = HEIGHT_PER_MODEL if len(names) <= MANY_MODELS else HEIGHT_PER_MODEL_OF_MANY
    height = HEIGHT_OF_FRAME + each * len(names) + HEIGHT_PER_LINE * max(0, len(notes) - 1)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for panel, task in zip(panels, tasks, strict=True):
            _panel(panel, found[found["task"] == task], names, palette)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        if title:
            figure.suptitle(title, fontsize=10)
        if notes:
            figure.supxlabel("\n".join(notes), fontsize=7.5, x=0.01, ha="left")
    return figure


def _notes(rows: pd.DataFrame, letters: int) -> list[str]:
    """Lines below the figure."""
    found = [UNTRAINED_NOTE] if is_untrained(rows["weights"]).any() else []
    return [line for note in [*found, *beside.notes(rows)] for line in textwrap.wrap(note, letters)]


def _panel(panel, found: pd.DataFrame, names: list[str], palette: dict) -> None:
    for row in found.itertuples():
        place = names.index(row.model)
        spread = row.tolerance if row.published else row.std
        panel.barh(
            place,
            row.mean,
            xerr=None if pd.isna(spread) else spread,
            height=0.68,
            edgecolor="white",
            error_kw={"elinewidth": 1, "capsize": 2},
            **_look(row, palette),
        )
        end = 0.0 if pd.isna(row.mean) else row.mean + (0.0 if pd.isna(spread) else spread)
        value = text(row.mean, float("nan"), row.tolerance, row.count)
        panel.annotate(value, (end, place), (4, 0), textcoords="offset points", va="center", fontsize=7.5)
    panel.set_title(found["task"].iloc[0], fontsize=9)
    panel.set_xlabel(" / ".join(found["metric"].unique()))
    panel.margins(x=0.18 if found["tolerance"].isna().all() else 0.24)
    panel.locator_params(axis="x", nbins=4)
    panel.set_xlim(left=min(0, panel.get_xlim()[0]) if (found["mean"] < 0).any() else 0)
    panel.tick_params(axis="y", length=0)


def _look(row, palette: dict) -> dict:
    if row.published:
        return {"color": PUBLISHED_COLOR, "hatch": "...."}
    untrained = row.model.endswith(UNTRAINED_MARK)
    return {
        "color": palette[row.family],
        "alpha": 0.55 if untrained else 1.0,
        "hatch": "////" if untrained else None,
    }
