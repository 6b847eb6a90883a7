"""The targets of a regression task: how they lie in the splits, and what is wrong with them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ablations.tasks.prepare.checks import Finding
from ablations.tasks.prepare.listing import TARGET, Entry, Listing

BINS = 5
"""Parts of equal numbers of files, from the smallest to the largest targets, that drawn folds are balanced by."""
QUARTILES = {"smallest": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75, "largest": 1.0}


def bins_of(targets: Sequence[float]) -> list[tuple[str, ...]]:
    """The part of `BINS` that each target is in, as a label to balance folds by."""
    edges = np.quantile(targets, np.arange(1, BINS) / BINS)
    return [(f"part {part}",) for part in np.searchsorted(edges, targets, side="right")]


def target_table(splits: Sequence[str], entries: Sequence[Entry]) -> pd.DataFrame:
    """The table of targets: a row a split and one for all, with how many differ, quartiles, mean and deviation."""
    rows = []
    for split in (*splits, "all"):
        values = np.array([entry.target for entry in entries if split in (entry.split, "all")], float)
        quartiles = dict(zip(QUARTILES, np.quantile(values, list(QUARTILES.values())).tolist(), strict=True))
        spread = {"mean": float(values.mean()), "standard deviation": float(values.std())}
        rows.append({"split": split, "different": len(np.unique(values)), **quartiles, **spread})
    return pd.DataFrame(rows)


def check_targets(listing: Listing, entries: Sequence[Entry], splits: Sequence[str]) -> None:
    """Raise ValueError where all training files of a fold have one target, of which nothing can be learned."""
    for test, trained in _training(listing, splits):
        values = {entry.target for entry in entries if entry.split in trained}
        if len(values) == 1:
            raise ValueError(
                f"{listing.path}: {TARGET} must have several values among the files that are trained on, got "
                f"{values.pop()} for each of {', '.join(trained)} (tested on {test})"
            )


def target_findings(entries: Sequence[Entry], splits: Sequence[str]) -> list[Finding]:
    """Report splits whose targets are all the same."""
    findings = []
    for split in splits:
        values = {entry.target for entry in entries if entry.split == split}
        if len(values) == 1:
            findings.append(Finding("one_target", f"{TARGET} is {values.pop()} for each file of {split}"))
    return findings


def _training(listing: Listing, splits: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The test split of each fold, and the splits that it trains on."""
    if listing.split_mode == "trainvaltest":
        return [("test", ["train"])]
    names = sorted(splits)
    folds = zip(names, [*names[1:], names[0]], strict=True)
    return [(test, [name for name in names if name not in (test, valid)]) for test, valid in folds]
