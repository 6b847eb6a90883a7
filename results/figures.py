"""Figures: each a function from rows to a matplotlib Figure."""

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from results.tables import UNTRAINED_MARK, UNTRAINED_NOTE, is_untrained, scores

HEIGHT_PER_MODEL, HEIGHT_OF_FRAME = 0.36, 1.15  # inches
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.6}


def bars(rows: pd.DataFrame, title: str | None = None) -> Figure:
    """The primary metric of every model, one panel a task; error bars are the standard deviation over folds.

    A score that is NaN has no bar, but says so.

    Families have colors; bars of untrained weights are hatched and marked, and a note says so.
    """
    if rows.empty:
        raise ValueError("no rows to draw")
    found = scores(rows)
    models, tasks = list(found["model"].unique()), list(found["task"].unique())
    family = dict(zip(rows["model"], rows["family"], strict=True))
    families = list(dict.fromkeys(family.values()))
    palette = dict(zip(families, sns.color_palette("colorblind", len(families)), strict=True))
    with mpl.rc_context(STYLE):
        height = HEIGHT_OF_FRAME + HEIGHT_PER_MODEL * len(models)
        figure = Figure(figsize=(2.7 + 2.5 * len(tasks), height), layout="constrained")
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for panel, task in zip(panels, tasks, strict=True):
            _panel(panel, found[found["task"] == task], models, family, palette)
        panels[0].set_yticks(range(len(models)), models)
        panels[0].invert_yaxis()
        if title:
            figure.suptitle(title, fontsize=10)
        if is_untrained(rows["weights"]).any():
            figure.supxlabel(UNTRAINED_NOTE, fontsize=7.5, x=0.01, ha="left")
    return figure


def _panel(panel, found: pd.DataFrame, models: list[str], family: dict, palette: dict) -> None:
    for row in found.itertuples():
        name = row.model.removesuffix(UNTRAINED_MARK)
        untrained = row.model.endswith(UNTRAINED_MARK)
        place = models.index(row.model)
        panel.barh(
            place,
            row.mean,
            xerr=None if pd.isna(row.std) else row.std,
            height=0.68,
            color=palette[family[name]],
            alpha=0.55 if untrained else 1.0,
            hatch="////" if untrained else None,
            edgecolor="white",
            error_kw={"elinewidth": 1, "capsize": 2},
        )
        end = 0.0 if pd.isna(row.mean) else row.mean + (0.0 if pd.isna(row.std) else row.std)
        panel.annotate(f"{row.mean:.3f}", (end, place), (4, 0), textcoords="offset points", va="center", fontsize=7.5)
    panel.set_title(found["task"].iloc[0], fontsize=9)
    panel.set_xlabel(" / ".join(found["metric"].unique()))
    panel.margins(x=0.18)
    panel.locator_params(axis="x", nbins=4)
    panel.set_xlim(left=min(0, panel.get_xlim()[0]) if (found["mean"] < 0).any() else 0)
    panel.tick_params(axis="y", length=0)
