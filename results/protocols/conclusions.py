"""Which differences of pairs of models are established under which protocols, and whether these agree.

Each run's pairs are compared on its test clips as `results.statistics.versus` does, and corrected over the comparisons
of that run alone: what a study under that protocol alone would have concluded. Signs are shown, never scores.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from results.protocols.runs import ProtocolRun
from results.scores.axes import with_axes
from results.scores.normalize import LOWER_IS_BETTER
from results.statistics.permutation import RESAMPLES
from results.statistics.ranks import DIFFER
from results.statistics.versus import NOT_COMPARED, comparisons

SAME, ONLY, CONTRADICTED, NOWHERE = "same under all", "only under some", "contradicted", "not established"
OUTCOMES = (SAME, ONLY, CONTRADICTED, NOWHERE, NOT_COMPARED)
MARKS = {(1, True): "A", (-1, True): "B", (1, False): "a", (-1, False): "b", (0, False): "="}
"""What a cell shows of (sign of the difference, whether it is established); "" where nothing was compared."""
LEGEND = "A, B: this model is better, established; a, b: it is ahead, not established; =: equal; –: not compared"
PARTS = {
    "levels": "level",
    "windows": "window",
    "scene": "window",
    "timestamps": "timestamp hop",
    "ahead": "look-ahead",
    "checkpoint": "network",
    "weights": "weights",
}
"""The parts of a spec, and what two models differ in that differ in it alone."""


def conclusions(
    runs: Sequence[ProtocolRun],
    pairs: Iterable[tuple[str, str]],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare pairs of models on each task under each protocol.

    Args:
        pairs: models, as the rows call them.
        confidence, resamples, seed: as in `results.statistics.versus.comparisons`.

    Returns:
        Columns differ_in (`differ_in`), a, b, task, metric; for each protocol a mark (`MARKS`); outcome, one of
        `OUTCOMES`; signs, "one way" where the same model is ahead under all protocols, established or not, else "both
        ways"; established, the protocols under which the difference is.

    Raises:
        FileNotFoundError: for a run without predictions of these models.
        ValueError: for a model that is not in the runs.
    """
    pairs = list(pairs)
    tables = []
    for run in runs:
        if not run.has_predictions:
            raise FileNotFoundError(f"{run.folder}: no predictions (jobs/), without which no differences are tested")
        compared = comparisons(run.folder, pairs, confidence=confidence, resamples=resamples, seed=seed)
        tables.append(_marked(compared).rename(run.protocol))
    whole = pd.concat(tables, axis=1)
    order = dict.fromkeys(key for table in tables for key in table.index)
    whole = whole.reindex(list(order)).fillna("")
    outcomes = pd.DataFrame([_outcome(marks) for _, marks in whole.iterrows()], index=whole.index)
    table = whole.join(outcomes).reset_index()
    kinds = {pair: differ_in(runs[0].specs[pair[0]], runs[0].specs[pair[1]]) for pair in pairs}
    table.insert(0, "differ_in", [kinds[pair] for pair in zip(table["a"], table["b"], strict=True)])
    return table


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Count the outcomes of `conclusions` by what the models differ in: (kinds and all) x `OUTCOMES`."""
    counted = pd.crosstab(table["differ_in"], table["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    counted = counted.reindex(table["differ_in"].unique())
    counted.loc["all"] = counted.sum()
    return counted.loc[:, (counted.loc["all"] > 0) | counted.columns.isin(OUTCOMES[:4])].rename_axis(columns=None)


def differ_in(a: str, b: str) -> str:
    """Say what two specs differ in: `PARTS`, "hop" for checkpoints of other STFT hops, or "several"."""
    axes = with_axes(pd.DataFrame({"spec": [a, b]}))
    kinds = {kind for part, kind in PARTS.items() if len(set(axes[part])) > 1}
    if len(set(axes["checkpoint"])) > 1:
        names = axes["checkpoint"].str.replace(r"_(stft)?hop_?\d+", "", regex=True)
        return "hop" if kinds <= {"network"} and len(set(names)) == 1 else "network"
    return kinds.pop() if len(kinds) == 1 else "several"


def _marked(table: pd.DataFrame) -> pd.Series:
    """The mark of each pair, task and metric."""
    sign = table["difference"].astype(float).round(12)
    sign = sign.where(~table["metric"].isin(LOWER_IS_BETTER), -sign)
    established = table["verdict"] == DIFFER
    marks = [
        "" if verdict == NOT_COMPARED else MARKS[int((value > 0) - (value < 0)), bool(known and value)]
        for value, known, verdict in zip(sign, established, table["verdict"], strict=True)
    ]
    return pd.Series(marks, pd.MultiIndex.from_frame(table[["a", "b", "task", "metric"]]))


def _outcome(marks: pd.Series) -> dict[str, str]:
    """Say whether the marks of a pair agree."""
    compared = marks[marks != ""]
    established = compared[compared.str.isupper()]
    if len(compared) < 2:
        outcome = NOT_COMPARED
    elif len(set(established)) > 1:
        outcome = CONTRADICTED
    elif established.empty:
        outcome = NOWHERE
    else:
        outcome = SAME if len(established) == len(compared) else ONLY
    ahead = set(compared.str.lower()) - {"="}
    signs = "both ways" if len(ahead) > 1 else "one way" if ahead else ""
    return {"outcome": outcome, "signs": signs, "established": ", ".join(map(str, established.index))}
