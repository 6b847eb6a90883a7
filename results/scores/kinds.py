"""The kind and the flags of rows, as columns: what tables and figures mark, and comparisons must know."""

import numpy as np
import pandas as pd

from results.reference.published import is_published, set_of

SOME_TRAINED = r" \+\+ (?!untrained)"
"""Behind the weights of a model, where a trained one stands beside it."""
MEASURED, PUBLISHED, MISSING = "measured", "published", "missing"


def kinds(rows: pd.DataFrame) -> pd.Series:
    """The kind of each row: measured, published, or missing (a model and task of the study without a score)."""
    without_fold = rows["fold"].fillna("").astype(str) == ""
    values = np.select([is_published(rows), without_fold], [PUBLISHED, MISSING], MEASURED)
    return pd.Series(values, rows.index, dtype="str")


def is_missing(rows: pd.DataFrame) -> pd.Series:
    """Whether each row stands for a model and task that were not measured (`results.scores.missing`)."""
    return kinds(rows) == MISSING


def is_untrained(weights: pd.Series) -> pd.Series:
    """Whether each value of the column weights names untrained weights, of all models that stand side by side."""
    texts = weights.astype(str)
    return texts.str.startswith("untrained") & ~texts.str.contains(SOME_TRAINED)


def with_flags(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the columns kind, published, untrained, read_off (off a figure) and set (of published scores, else "")."""
    kind = kinds(rows)
    return rows.assign(
        kind=kind,
        published=kind == PUBLISHED,
        untrained=is_untrained(rows["weights"]),
        read_off=rows["tolerance"].notna(),
        set=set_of(rows).where(kind == PUBLISHED, "").astype("str"),
    )
