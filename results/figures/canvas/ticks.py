"""Ticks of the ablation's axes: levels by their relative depth, receptive fields up to whole clips."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from results.figures.canvas.sheet import letters_width
from results.figures.canvas.style import SMALL, Color
from results.scores.axes import WHOLE_CLIP

WHOLE_CLIP_TEXT = "whole clip"
MARGIN = 0.06  # of the axis, on both sides
GAP = 3.0  # points between two texts
MANY_LEVELS = 6
"""With more levels than this, blocks are called by their numbers alone."""


def spaced(places: Sequence[float], texts: Sequence[str], points: float, size: float = SMALL) -> list[int]:
    """Choose the ticks whose texts do not touch: the first, the last, then from left to right.

    Args:
        places: on an axis from 0 to 1.
        points: the length of the axis.
    """
    if not places:
        return []
    half = [letters_width(text, size) / 2 for text in texts]
    order = [0, len(places) - 1, *range(1, len(places) - 1)]
    chosen: list[int] = []
    for i in dict.fromkeys(order):
        if all(abs(places[i] - places[j]) * points >= half[i] + half[j] + GAP for j in chosen):
            chosen.append(i)
    return sorted(chosen)


def level_ticks(axes: Axes, points: float, levels: Mapping[str, pd.Series], colors: Mapping[str, Color]) -> None:
    """Write the levels of one or two networks at their depths, a line a network; of more, the depths alone.

    Args:
        points: the length of the axis.
        levels: for each checkpoint its levels' names, by their depth.
    """
    axes.set_xlim(-MARGIN, 1 + MARGIN)
    if len(levels) > 2:
        axes.set_xticks([0, 0.5, 1], ["input", "half-way", "last"], fontsize=SMALL)
        return
    axes.xaxis.remove_overlapping_locs = False
    for (checkpoint, named), which in zip(levels.items(), ("major", "minor"), strict=False):
        many = len(named) > MANY_LEVELS
        texts = [level_text(name, many) for name in named]
        chosen = spaced([depth / (1 + 2 * MARGIN) for depth in named.index], texts, points)
        minor = which == "minor"
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks([named.index[i] for i in chosen], [texts[i] for i in chosen], minor=minor)
        style = {"labelcolor": colors[checkpoint]} if len(levels) > 1 else {}
        axes.tick_params(axis="x", which=which, labelsize=SMALL, pad=SMALL * 1.35 + 3 if minor else 2.5, **style)


def level_text(level: str, short: bool = False) -> str:
    """Call a level by its name, the input spectrum "mel"; blocks by their number if short."""
    name = "mel" if level.startswith("mel") else level
    return name.removeprefix("block").removeprefix("layer") if short else name


class WindowScale:
    """Places of receptive fields on a logarithmic axis, with whole clips behind the longest one."""

    def __init__(self, windows: pd.Series) -> None:
        finite = sorted({float(value) for value in windows.dropna() if math.isfinite(value)})
        step = max(2.0, (finite[-1] / finite[0]) ** 0.35) if finite else 2.0
        self.places = {value: value for value in finite}
        if WHOLE_CLIP in set(windows):
            self.places[WHOLE_CLIP] = step * finite[-1] if finite else 1.0

    def ticks(self, axes: Axes, points: float) -> None:
        """Write the windows in ms, as many as have room."""
        low, high = min(self.places.values()), max(self.places.values())
        axes.set_xscale("log")
        margin = (high / low) ** MARGIN if high > low else 2.0
        axes.set_xlim(low / margin, high * margin)
        texts = [WHOLE_CLIP_TEXT if value == WHOLE_CLIP else f"{value:g}" for value in self.places]
        length = math.log(high / low) or 1.0
        shares = [math.log(place / low) / length / (1 + 2 * MARGIN) for place in self.places.values()]
        chosen = spaced(shares, texts, points, SMALL)
        shown = list(self.places.values())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(FixedLocator([shown[i] for i in chosen]))
        axes.xaxis.set_major_formatter(FixedFormatter([texts[i] for i in chosen]))
        axes.tick_params(axis="x", labelsize=SMALL, pad=2.5)
