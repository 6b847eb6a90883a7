"""The curve of a training: its loss, and the mean average precision on held-out clips."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import COLUMN, MARKERS, PAGE, hues

HEIGHT = 2.0  # inches


def training_curve(log: pd.DataFrame, batch: int, title: str | None = None) -> Figure:
    """Draw loss and mean average precision against the clips that were heard.

    Args:
        log: rows of a training's `log.csv`: step; loss; mAP, NaN where nothing was evaluated. Step 0 has the
            mAP of the weights that the training started from, and a line across.
        batch: clips of a step.
        title: above the panels.

    Raises:
        ValueError: for a log without rows.
    """
    if log.empty:
        raise ValueError("a log without rows has no curve")
    clips, scores = log["step"] * batch, pd.to_numeric(log["mAP"])
    before = scores[log["step"] == 0]
    color, start = hues()[:2]
    panels = 1 + bool(scores.notna().any())
    with sheet(PAGE if panels == 2 else COLUMN, HEIGHT, title=title) as figure:
        axes = figure.subplots(1, panels, squeeze=False)[0]
        axes[0].plot(clips, log["loss"], color=color, linewidth=1.2)
        axes[0].set_title("loss")
        if panels == 2:
            known = scores.notna()
            axes[1].plot(clips[known], scores[known], color=color, marker=MARKERS[0], markersize=3.5, linewidth=1.2)
            axes[1].set_title("mAP on held-out clips")
            for score in before:
                axes[1].axhline(score, color=start, linewidth=1.0, linestyle="--", label=f"at the start: {score:.3f}")
                axes[1].legend()
        for panel in axes:
            panel.set_xlabel("clips")
            panel.xaxis.set_major_formatter(EngFormatter(sep=""))
            panel.set_xlim(left=0)
            panel.grid(axis="y")
            panel.locator_params(axis="both", nbins=5)
    return figure
