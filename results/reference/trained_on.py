"""Models that were trained on the data of a task, by trained_on.csv: their scores there say less of other sounds.

A row of the file names models (a pattern of specs, of measured or of published scores), a task, the data, whether their
labels were used, and who says so. A model that is in no row is not known to have been trained on a task: it may have.
"""

from fnmatch import fnmatchcase

import pandas as pd

from results.reference.sets import read

BESIDE = " ++ "
"""What stands between the specs of concatenated embeddings."""
CONDITIONS = "+"


def matches(scores: pd.DataFrame) -> pd.DataFrame:
    """Find the scores of models that were trained on the task's data.

    Args:
        scores: lines with spec, task, mean and the flag untrained. Untrained weights have learned nothing.

    Returns:
        Columns data, labels ("yes" or "no") and source, with the index of the lines concerned.
    """
    table = read("trained_on.csv")
    lines = scores[scores["mean"].notna() & ~scores["untrained"].astype(bool)]
    lines = lines.assign(key=lines["task"].str.split(CONDITIONS).str[0], spec=lines["spec"].fillna("").astype(str))
    found = {}
    for row in lines[lines["key"].isin(table["task"])].itertuples():
        of_task, parts = table[table["task"] == row.key], row.spec.split(BESIDE)
        fitting = [any(fnmatchcase(part, pattern) for part in parts) for pattern in of_task["model"]]
        if any(fitting):
            found[row.Index] = of_task[fitting].iloc[0][["data", "labels", "source"]]
    return pd.DataFrame.from_dict(found, orient="index", columns=["data", "labels", "source"])
