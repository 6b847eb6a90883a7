"""The critical-difference diagram: mean ranks over tasks, and which models a test does not tell apart.

Demšar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, section 3.2.4.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import COLUMN, PAGE

LINE = 0.19  # inches from one name to the next
BAR = 0.085  # inches from one bar of models to the next


def groups(ranks: Sequence[float], critical_distance: float) -> list[tuple[float, float]]:
    """Find the widest stretches (first, last) of mean ranks that are no longer than the critical distance.

    Stretches of one model are left out.
    """
    ranks = sorted(ranks)
    stretches: list[tuple[float, float]] = []
    for start, first in enumerate(ranks):
        last = max(rank for rank in ranks[start:] if rank - first <= critical_distance)
        if last > first and not (stretches and stretches[-1][1] >= last):
            stretches.append((first, last))
    return stretches


def critical_difference(
    names: Sequence[str],
    mean_ranks: Sequence[float],
    critical_distance: float,
    title: str | None = None,
    notes: Sequence[str] = (),
    *,
    statement: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw models at their mean ranks, the best (1) left; a thick line joins those within the critical distance.

    Args:
        names, mean_ranks: one a model, in any order.
        critical_distance: in ranks, such as Nemenyi's.
        notes: lines below.
        statement, ax: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: for fewer than two models, other numbers of names and ranks, or a distance that is not positive.
    """
    if len(names) != len(mean_ranks) or len(names) < 2:
        raise ValueError(
            f"names and mean_ranks must be of the same two or more, got {len(names)} and {len(mean_ranks)}"
        )
    if not critical_distance > 0:
        raise ValueError(f"critical_distance must be positive, got {critical_distance}")
    order = np.argsort(mean_ranks, kind="stable")
    names, ranks = [names[i] for i in order], [float(mean_ranks[i]) for i in order]
    half = -(-len(names) // 2)
    joined = groups(ranks, critical_distance)
    width = COLUMN if max(map(len, names)) <= 14 and len(names) <= 8 else PAGE
    height = 0.55 + BAR * len(joined) + LINE * half + 0.15
    with sheet(width, height, notes, (), title, statement, ax) as figure:
        axes = ax or figure.subplots()
        lowest, highest = 1, len(names)
        margin = (highest - lowest) * (0.062 * max(map(len, names)) + 0.15) / (width / 2)
        axes.set_xlim(lowest - margin, highest + margin)
        axes.set_ylim(-height + 0.5, 0.5)  # inches, about
        axes.axis("off")
        _scale(axes, lowest, highest)
        _distance(axes, lowest, critical_distance)
        for number, (first, last) in enumerate(joined):
            y = -0.1 - BAR * number
            axes.plot(
                [first - 0.02 * highest / 8, last + 0.02 * highest / 8], [y, y], lw=2.6, color="#0173b2", gid="group"
            )
        top = -0.1 - BAR * len(joined) - 0.1
        for number, (name, rank) in enumerate(zip(names, ranks, strict=True)):
            left = number < half
            y = top - LINE * (number if left else len(names) - 1 - number)
            _name(axes, f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}", rank, y, lowest if left else highest)
    return figure


def _scale(axes: Axes, lowest: int, highest: int) -> None:
    axes.plot([lowest, highest], [0, 0], color="black", linewidth=0.9)
    step = max(1, (highest - lowest) // 12)
    for rank in range(lowest, highest + 1, step):
        axes.plot([rank, rank], [0, 0.06], color="black", linewidth=0.9)
        axes.text(rank, 0.09, str(rank), ha="center", va="bottom", fontsize=7.5)


def _distance(axes: Axes, lowest: int, distance: float) -> None:
    y = 0.36
    axes.plot(
        [lowest, lowest + distance], [y, y], color="black", linewidth=1.2, marker="|", markersize=5, gid="distance"
    )
    axes.text(lowest + distance, y, f"  critical distance {distance:.2f}", ha="left", va="center", fontsize=7.5)


def _name(axes: Axes, label: str, rank: float, y: float, end: int) -> None:
    """Draw a line from the scale down, then out to the name."""
    left = end == 1
    axes.plot([rank, rank, end], [0, y, y], color="0.25", linewidth=0.7)
    axes.annotate(
        label, (end, y), (-3 if left else 3, 0), textcoords="offset points", ha="right" if left else "left", va="center"
    )
