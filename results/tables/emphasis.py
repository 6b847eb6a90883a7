"""Which scores of a table's column are the best and the second: where they compare, and can be told apart."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

BEST, SECOND = 1, 2
DIGITS = 3


def places(values: Sequence[float], tolerances: Sequence[float]) -> list[int]:
    """BEST, SECOND or 0 for each value of a column; more is better.

    Values are compared as they are shown, to three digits. A value that was read off a figure, within its tolerance
    (NaN: exact), is best or second wherever it may be. Several best ones leave no second one, nor do two values. NaN
    are out; a lone value is nothing.
    """
    shown = np.round(np.asarray(values, float), DIGITS)
    slack = np.nan_to_num(np.asarray(tolerances, float)) + 1e-9
    place = np.zeros(len(shown), int)
    for mark, needed in ((BEST, 2), (SECOND, 3)):
        rest = (place == 0) & ~np.isnan(shown)
        if rest.sum() + (place == BEST).sum() < needed or (place == BEST).sum() > 1:
            break
        place[rest & (shown + slack >= np.max((shown - slack)[rest]))] = mark
    return place.tolist()


def of_columns(found: pd.DataFrame, value: str, columns: str) -> pd.Series:
    """The places of the values of each column of a tidy frame (columns model, protocol, tolerance, `value`, `columns`).

    Scores of another protocol than that of the frame's first row have none: they do not compare.
    """
    if found.empty:
        return pd.Series(dtype=int)
    compared = found[found["protocol"] == found["protocol"].iloc[0]]
    place = pd.Series(0, found.index)
    for _, group in compared.groupby(columns, sort=False):
        place[group.index] = places(group[value], group["tolerance"])
    return place
