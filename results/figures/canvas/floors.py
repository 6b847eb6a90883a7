"""Lines across a panel, with their names at the right: chance, log-mel, and models that have no place on its axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from results.figures.canvas.style import SMALL, Color
from results.scores.axes import FLOORS

CHANCE = "chance"
"""The checkpoint whose scores are a line, never a bar."""
DASHES = {"chance": (0, (1, 1.5)), "logmel": (0, (5, 1.5)), "melproj": (0, (5, 1.5, 1, 1.5))}


@dataclass(frozen=True)
class Across:
    """A line across a panel."""

    name: str
    mean: float
    color: Color
    style: Any = "-"


def lines_across(scores: pd.DataFrame, by_checkpoint: bool = False) -> list[Across]:
    """Make the lines of scores, one each: floors by what they are, other models by their labels or checkpoints."""
    return [
        Across(
            FLOORS.get(line.checkpoint) or (line.checkpoint if by_checkpoint else line.label),
            float(line.mean),
            line.hue if by_checkpoint else line.color,
            DASHES.get(line.checkpoint, (0, (3, 1))),
        )
        for line in scores.dropna(subset="mean").itertuples()
    ]


def draw_across(axes: Axes, lines: Sequence[Across]) -> None:
    """Draw the lines across, below everything else."""
    for line in lines:
        drawn = axes.axhline(line.mean, color=line.color, linestyle=line.style, linewidth=1, zorder=1)
        drawn.set_gid(f"across {line.name}")


def name_across(axes: Axes, lines: Sequence[Across], height: float) -> None:
    """Write the names at the right ends, apart from each other, when the limits of the panel are set.

    Args:
        height: of the panel in points.
    """
    low, high = axes.get_ylim()
    step = 1.15 * SMALL
    below = float("-inf")
    for line in sorted(lines, key=lambda line: line.mean):
        y = (line.mean - low) / (high - low) * height
        below = max(y, below + step)
        axes.annotate(
            line.name,
            (1, line.mean),
            (2, below - y),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            ha="left",
            fontsize=SMALL,
            color=line.color,
            annotation_clip=False,
        )
