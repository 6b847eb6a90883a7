"""The best and the second score of a table's column, where scores compare and can be told apart."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

BEST, SECOND = 1, 2
DIGITS = 3


def places(values: Sequence[float], tolerances: Sequence[float]) -> list[int]:
    """Place each value of a column: BEST, SECOND or 0; more is better.

    Values are compared as they are shown, to three digits. A value that was read off a figure, within its tolerance
    (NaN: exact), is best or second wherever it may be. Several best ones leave no second one, nor do two values. NaN
    and a lone value have no place.
    """
    shown = np.round(np.asarray(values, float), DIGITS)
    slack = np.nan_to_num(np.asarray(tolerances, float)) + 1e-9
    place = np.zeros(len(shown), int)
    for mark, needed in ((BEST, 2), (SECOND, 3)):
        rest = (place == 0) & ~np.isnan(shown)
        if rest.sum() + (place == BEST).sum() < needed or (place == BEST).sum() > 1:
            break
        place[rest & (shown + slack >= np.max((shown - slack)[rest]))] = mark
    return list(map(int, place))


def of_columns(cells: pd.DataFrame, value: str, columns: str) -> pd.Series:
    """Place the values of each column of a table, given as cells (columns protocol, tolerance, `value`, `columns`).

    Scores of another protocol than that of the first cell have no place: they do not compare.
    """
    if cells.empty:
        return pd.Series(dtype=int)
    compared = cells[cells["protocol"] == cells["protocol"].iloc[0]]
    place = pd.Series(0, cells.index)
    for _, group in compared.groupby(columns, sort=False):
        place[group.index] = places(group[value], group["tolerance"])
    return place
