"""One color a model, the same in every figure of a run."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.colors import to_rgb

from results.figures.canvas.style import Color, hues, lighter
from results.scores.axes import FLOORS, checkpoint_of

Palette = str | Sequence[Any] | Mapping[str, Any] | None
"""Colors to draw with: by the names of models or checkpoints, in their order, or as seaborn calls them."""
PALEST = 0.55
"""Share of white in the last shade of a color."""
FLOOR_COLORS = dict(zip(FLOORS, ((0.2, 0.2, 0.2), (0.45, 0.45, 0.45), (0.62, 0.62, 0.62)), strict=True))
UNNAMED: Color = (0.5, 0.5, 0.5)
"""Of published models that no measured one is called like, where there are too many for colors of their own."""


def colored(scores: pd.DataFrame, palette: Palette = None) -> pd.Series:
    """Choose the color of each line of a run's scores.

    Where the models are of several checkpoints, each checkpoint has a color, and its levels and windows are shades of
    it. Where they are all of one, each has a color. Trained and untrained weights, and measured and published scores,
    of one model share theirs. Floors are gray.

    Args:
        scores: of the whole run, so that a part of it that is drawn has the same colors: model, spec and published.
        palette: colors of models or checkpoints by name, others keep theirs; or colors in order, or their name in
            seaborn.

    Raises:
        ValueError: for a palette that is none.
    """
    checkpoints, variants = _identities(scores)
    base = hues() if palette is None or isinstance(palette, Mapping) else _listed(palette)
    floors = checkpoints.isin(list(FLOORS))
    groups = _groups(checkpoints[~floors], variants[~floors], scores["published"][~floors], len(base))
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups[groups != ""]))}
    colors = dict.fromkeys(variants[~floors], UNNAMED)
    for group, members in variants[~floors].groupby(groups, sort=False):
        if group == "":
            continue
        number = numbers[group]
        hue = lighter(base[number % len(base)], 0.45 * (number // len(base) % 3) / 2)
        several = members.unique()
        for place, variant in enumerate(several):
            colors[variant] = lighter(hue, PALEST * place / (len(several) - 1) if place else 0)
    chosen = variants.map(colors).where(~floors, checkpoints.map(FLOOR_COLORS))
    if isinstance(palette, Mapping):
        return _named(scores, checkpoints, chosen, palette)
    return chosen


def _identities(scores: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give the checkpoint, and the variant without its weights, of each line.

    A published line has those of the measured model of its name.
    """
    published = scores["published"].astype(bool)
    spec = scores["spec"].fillna("").astype(str)
    checkpoints = checkpoint_of(spec).where(~published, scores["model"])
    checkpoints = checkpoints.where(checkpoints != "", scores["model"])
    variants = spec.str.rsplit("@", n=1).str[0].where(~published & spec.str.contains("@"), scores["model"])
    measured = scores.loc[~published].drop_duplicates("model")["model"]
    for names in (checkpoints, variants):
        known = pd.Series(names[measured.index].to_numpy(), measured.to_numpy())
        names.update(scores.loc[published, "model"].map(known).dropna())
    return checkpoints, variants


def _groups(checkpoints: pd.Series, variants: pd.Series, published: pd.Series, colors: int) -> pd.Series:
    """Give the lines that share a color, but for its shade, one name; "" where there is no color left."""
    measured = checkpoints[~published.astype(bool)]
    few = variants.nunique() <= colors
    groups = variants if few and len(set(measured)) <= 1 else checkpoints
    if groups.nunique() <= colors or measured.empty:
        return groups
    return groups.where(groups.isin(set(groups[measured.index])), "")


def _listed(palette: str | Sequence[Any]) -> list[Color]:
    colors = sns.color_palette(palette, 10) if isinstance(palette, str) else palette
    listed = [_color(color) for color in itertools.islice(colors, 100)]
    if not listed:
        raise ValueError("palette has no colors; expected a list of colors, a name of seaborn's, or {model: color}")
    return listed


def _named(scores: pd.DataFrame, checkpoints: pd.Series, colors: pd.Series, palette: Mapping[str, Any]) -> pd.Series:
    unknown = [name for name in palette if name not in set(scores["model"]) | set(checkpoints)]
    if unknown:
        raise ValueError(f"palette names {unknown[0]!r}, which is no model or checkpoint of these rows")
    for names in (checkpoints, scores["model"]):  # a model's name says more than its checkpoint's
        chosen = names.map({name: _color(color) for name, color in palette.items()})
        colors = chosen.where(names.isin(list(palette)), colors)
    return colors


def _color(color: Any) -> Color:
    try:
        return to_rgb(color)
    except ValueError:
        raise ValueError(f"palette has {color!r}, which is no color; expected one such as 'tab:blue'") from None
