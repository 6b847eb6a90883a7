"""Label curves: scores along the number of training labels, from runs whose protocols draw training clips.

A draw of a seed is the same for all models, and contains the smaller draws of that seed, so that curves of one seed are
paired. Standard deviations are over draws: over seeds of means over folds.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from results.scores.normalize import LOWER_IS_BETTER
from results.scores.scores import cells

DRAW = re.compile(r"\+(fewshot|fraction)([0-9.]+)")
UNITS = {"fewshot": "training clips a label", "fraction": "share of the training clips"}
"""The axis of each kind of draw."""
KEYS = ["model", "task", "metric"]
REACHED = 0.9
"""Of the way from the worst to the best mean score of a task: the default score to reach."""


def points(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Make the points of label curves.

    Args:
        rows: of each run, as `results.load` gives them; a run has one protocol. A run without a draw has all clips: it
            is the share 1 beside runs of shares, and has no place beside runs of clips a label.

    Returns:
        Columns `KEYS`, spec, untrained, protocol (without the draw), unit (of `UNITS`), labels (clips a label, or
        a share), seed and score (the mean over folds).

    Raises:
        ValueError: for runs of several kinds of draws or of other protocols, or of none.
    """
    parts = [_of_run(run) for run in rows]
    units = {part["unit"].iloc[0] for part in parts if len(part)} - {""}
    protocols = {part["protocol"].iloc[0] for part in parts if len(part)}
    if len(units) != 1 or len(protocols) != 1:
        got = " and ".join(sorted(units or protocols)) or "no run"
        raise ValueError(f"a label curve is of one protocol and one kind of draw (fewshot or fraction), got {got}")
    (unit,) = units
    table = pd.concat(parts, ignore_index=True).assign(unit=UNITS[unit])
    if unit == "fewshot":
        return table[table["labels"].notna()].reset_index(drop=True)
    return table.assign(labels=table["labels"].fillna(1.0))


def _of_run(rows: pd.DataFrame) -> pd.DataFrame:
    primary = cells(rows)
    primary = primary[~primary["published"] & (primary["kind"] != "missing")]
    means = primary.groupby([*KEYS, "spec", "untrained", "protocol", "seed"], sort=False)["score"]
    table = means.agg(_mean).reset_index()
    draws = table["protocol"].str.extract(DRAW)
    return table.assign(
        protocol=table["protocol"].str.replace(DRAW, "", regex=True),
        unit=draws[0].fillna(""),
        labels=pd.to_numeric(draws[1]),
    )


def summary(table: pd.DataFrame, reach: float | None = None) -> pd.DataFrame:
    """Reduce label curves to one line a model and task.

    Args:
        table: of `points`.
        reach: a score; None is `REACHED` of the way from a task's worst to its best mean.

    Returns:
        Columns `KEYS`; area, the area under the curve over the logarithm of the labels, divided by the width of the
        axis: the mean score along it; area_std, over draws (ddof 1); draws; reach, the score to reach; labels_needed,
        where the mean curve first reaches it, interpolated on the logarithm (NaN where it never does). A score that is
        not defined in one fold or draw makes the mean NaN there.
    """
    means = table.groupby([*KEYS, "labels"], sort=False)["score"].agg(_mean).reset_index()
    sign = means["metric"].isin(LOWER_IS_BETTER).map({True: -1, False: 1})
    targets = {
        task: scores.min() + REACHED * (scores.max() - scores.min())
        for task, scores in (sign * means["score"]).groupby(means["task"], sort=False)
    }
    lines = []
    for key, curve in table.groupby(KEYS, sort=False):
        areas = [_area(draw.sort_values("labels")) for _, draw in curve.groupby("seed")]
        mean = curve.groupby("labels")["score"].agg(_mean).sort_index()
        better = -1 if key[2] in LOWER_IS_BETTER else 1
        target = targets[key[1]] if reach is None else better * reach
        lines.append(
            {
                **dict(zip(KEYS, key, strict=True)),
                "area": float(np.mean(areas)),
                "area_std": float(np.std(areas, ddof=1)) if len(areas) > 1 else float("nan"),
                "draws": len(areas),
                "reach": better * target,
                "labels_needed": _needed(mean.index.to_numpy(float), better * mean.to_numpy(float), target),
            }
        )
    return pd.DataFrame(lines)


def _mean(scores: pd.Series) -> float:
    """The mean; NaN if a score is not defined, rather than the mean of the others."""
    return float(scores.mean(skipna=False))


def _area(draw: pd.DataFrame) -> float:
    """The mean of a curve over the logarithm of its labels; NaN for a curve of one point, or with a gap."""
    place = np.log(draw["labels"].to_numpy(float))
    if len(place) < 2:
        return float("nan")
    return float(np.trapezoid(draw["score"].to_numpy(float), place) / (place[-1] - place[0]))


def _needed(labels: np.ndarray, scores: np.ndarray, target: float) -> float:
    """The labels at which a curve first reaches a score; more is better."""
    reached = np.flatnonzero(scores >= target)
    if not len(reached):
        return float("nan")
    first = int(reached[0])
    if first == 0:
        return float(labels[0])
    low, high = scores[first - 1], scores[first]
    if not np.isfinite(low):
        return float(labels[first])
    share = (target - low) / (high - low)
    return float(np.exp(np.interp(share, [0, 1], np.log(labels[first - 1 : first + 1]))))
