"""Ticks of the ablation's axes: levels by their relative depth, receptive fields up to whole clips, look-aheads."""

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
LEVEL_LABEL = "embedding level"


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


def levels_of(lines: pd.DataFrame) -> dict[str, pd.Series]:
    """List the levels of each network by their depth, as Series that are named by the network's family."""
    return {
        str(checkpoint): own.drop_duplicates("place")
        .set_index("place")["level"]
        .sort_index()
        .rename(own["family"].iloc[0])
        for checkpoint, own in lines.groupby("checkpoint", sort=False)
    }


def level_ticks(axes: Axes, points: float, levels: Mapping[str, pd.Series], colors: Mapping[str, Color]) -> str:
    """Write the levels of networks at their depths, and return the label of the axis.

    Networks whose levels are at the same depths share a line of texts. Of two others each has a line in its color; of
    more, the depths alone are written. Where the names of blocks have no room, their numbers are written.

    Args:
        points: the length of the axis.
        levels: for each checkpoint its levels by their depth.
    """
    ladders = _ladders(levels)
    if len(ladders) > 2:
        axes.set_xlim(-MARGIN, 1 + MARGIN)
        axes.set_xticks([0, 0.5, 1], ["input", "half-way", "last"], fontsize=SMALL)
        return f"{LEVEL_LABEL}, by relative depth"
    depths = [float(depth) for _, ladder in ladders for depth in ladder.index]
    low, span = min(depths), (max(depths) - min(depths)) or 1.0
    axes.set_xlim(low - MARGIN * span, low + (1 + MARGIN) * span)
    axes.xaxis.remove_overlapping_locs = False
    axes.xaxis.set_minor_locator(NullLocator())
    numbered = False
    for (networks, ladder), which in zip(ladders, ("major", "minor"), strict=False):
        named = ladder.sort_index()
        places = [(depth - low) / span / (1 + 2 * MARGIN) for depth in named.index]
        texts = [level_text(name) for name in named]
        numbers = [level_text(name, short=True) for name in named]
        if len(spaced(places, texts, points)) < len(spaced(places, numbers, points)):
            texts, numbered = numbers, True
        chosen = spaced(places, texts, points)
        minor = which == "minor"
        axes.set_xticks([named.index[i] for i in chosen], [texts[i] for i in chosen], minor=minor)
        style = {"labelcolor": colors[networks[0]]} if len(ladders) > 1 else {}
        axes.tick_params(axis="x", which=which, labelsize=SMALL, pad=SMALL * 1.35 + 3 if minor else 2.5, **style)
    return LEVEL_LABEL + (" (block)" if numbered else "")


def _ladders(levels: Mapping[str, pd.Series]) -> list[tuple[list[str], pd.Series]]:
    """Merge the networks of a family whose levels do not contradict each other, with all levels by their depth."""
    ladders: list[tuple[list[str], pd.Series]] = []
    for checkpoint, own in levels.items():
        for number, (networks, ladder) in enumerate(ladders):
            both = pd.concat([ladder, own])
            pairs = set(zip(both.index, both, strict=True))
            if ladder.name == own.name and len(pairs) == both.index.nunique() == both.nunique():
                ladders[number] = [*networks, checkpoint], both[~both.index.duplicated()].rename(own.name)
                break
        else:
            ladders.append(([checkpoint], own))
    return ladders


def level_text(level: str, short: bool = False) -> str:
    """Call a level by its name, the input spectrum "mel"; blocks by their number if short."""
    name = "mel" if level.startswith("mel") else level
    return name.removeprefix("block").removeprefix("layer") if short else name


class TimeScale:
    """Places of times from 0 on a linear axis: look-aheads."""

    def __init__(self, numbers: pd.Series) -> None:
        self.places = {value: value for value in sorted({float(value) for value in numbers.dropna()})}

    def ticks(self, axes: Axes, points: float) -> None:
        """Write the numbers that have room."""
        shown = list(self.places)
        low, span = min(shown), (max(shown) - min(shown)) or 1.0
        axes.set_xlim(low - MARGIN * span, low + (1 + MARGIN) * span)
        texts = [f"{value:g}" for value in shown]
        chosen = spaced([(value - low) / span / (1 + 2 * MARGIN) for value in shown], texts, points, SMALL)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks([shown[i] for i in chosen], [texts[i] for i in chosen])
        axes.tick_params(axis="x", labelsize=SMALL, pad=2.5)


class NumberScale:
    """Places of numbers on a logarithmic axis: hops, and receptive fields with whole clips behind the longest one."""

    def __init__(self, numbers: pd.Series) -> None:
        finite = sorted({float(value) for value in numbers.dropna() if math.isfinite(value)})
        step = max(2.0, (finite[-1] / finite[0]) ** 0.35) if finite else 2.0
        self.places = {value: value for value in finite}
        if WHOLE_CLIP in set(numbers):
            self.places[WHOLE_CLIP] = step * finite[-1] if finite else 1.0

    def ticks(self, axes: Axes, points: float) -> None:
        """Write the numbers that have room."""
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
