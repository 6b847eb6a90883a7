"""The figure of how commands grow: processor time against models or folders, from growth.json.

python -m tests.campaigns.growth_figure --record results/benchmarks/growth.json --out results/benchmarks/growth.png
"""

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from results.figures import save
from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import PAGE, SMALL, hues

HEIGHT, LEAST_S = 3.1, 1.0
NOTES = (
    f"A command whose largest run took under {LEAST_S:g} s is left out. Models are of three tasks and three seeds. A "
    "linear cost rises as the dotted lines do. Both axes are logarithmic. Times: user and system time of one process, "
    "without imports."
)
APART = 0.055
"""Least distance of two labels, as a share of the axis."""


def growth_figure(rows: pd.DataFrame) -> Figure:
    """Draw a panel of what grows with models, and one of what grows with folders.

    Args:
        rows: columns of (models or folders), what (the command), size and cpu_s.
    """
    kinds = list(rows["of"].unique())
    with sheet(PAGE, HEIGHT, [NOTES]) as figure:
        for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
            own = rows[rows["of"] == kind]
            largest = own.loc[own.groupby("what")["size"].idxmax()].set_index("what")["cpu_s"]
            shown = largest[largest >= LEAST_S].sort_values()
            _panel(axes, own[own["what"].isin(shown.index)], shown)
            axes.set_xlabel({"folders": "folders of the store"}.get(kind, kind))
            axes.set_ylabel("processor time (s)" if kind == kinds[0] else "")
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, shown: pd.Series) -> None:
    colors = hues()
    sizes = sorted(rows["size"].unique())
    for number, what in enumerate(shown.index):
        line = rows[rows["what"] == what].sort_values("size")
        axes.plot(
            line["size"], line["cpu_s"], color=colors[number % len(colors)], linewidth=1.1, marker="o", markersize=2.5
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = rows["cpu_s"].clip(lower=0.1).min() * 0.7, rows["cpu_s"].max() * 2
    axes.set_ylim(low, high)
    for start in np.geomspace(low / 30, high, 9):
        axes.plot(sizes, start * np.array(sizes) / sizes[0], color="0.8", linestyle=":", linewidth=0.7, zorder=0)
    axes.set_xlim(sizes[0] * 0.9, sizes[-1] * 1.05)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    span = np.log(high / low)
    places = _spread([float(np.log(seconds / low) / span) for seconds in shown])
    for number, (what, place) in enumerate(zip(shown.index, places, strict=True)):
        text = what.removeprefix("ablate ").replace("figure --kind ", "figure ")
        axes.annotate(
            text,
            (sizes[-1], shown[what]),
            (1.12, place),
            textcoords="axes fraction",
            fontsize=SMALL,
            color="0.15",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": colors[number % len(colors)],
                "linewidth": 0.8,
                "shrinkA": 1,
                "relpos": (0, 0.5),
            },
        )


def _spread(places: list[float]) -> list[float]:
    """Move places, in rising order, apart, and no further than it needs."""
    spread = np.array(places)
    for _ in range(200):
        for upper in range(1, len(spread)):
            missing = APART - (spread[upper] - spread[upper - 1])
            if missing > 1e-6:
                spread[upper - 1] -= missing / 2
                spread[upper] += missing / 2
    return spread.tolist()


@click.command()
@click.option("--record", type=click.Path(path_type=Path, exists=True), required=True, help="What growth.py wrote.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The picture.")
def main(record: Path, out: Path) -> None:
    """Draw the figure of a record."""
    content = json.loads(record.read_text(encoding="utf-8"))
    click.echo(save(growth_figure(pd.DataFrame(content["rows"])), out))


if __name__ == "__main__":
    main()
