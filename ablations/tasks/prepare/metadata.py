"""The metadata of a task, and its vocabulary."""

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.inputs.lists import read_vocabulary
from ablations.tasks.prepare.checks import Finding
from ablations.tasks.prepare.folder import vocabulary_csv
from ablations.tasks.prepare.listing import TARGET, Listing
from downstream.events.targets import DEFAULT_GRID
from downstream.scores.metrics import get

METRICS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("scene", "multiclass"): ("top1_acc",),
    ("scene", "multilabel"): ("mAP", "aucroc"),
    ("scene", "regression"): ("r2", "pearson"),
    ("event", "multilabel"): ("event_onset_200ms_fms", "segment_1s_er"),  # HEAR's for DCASE 2016
}


def metrics_of(listing: Listing, chosen: Sequence[str]) -> list[str]:
    """The names of a task's metrics; the first selects among probes.

    Args:
        listing: the list, whose kind decides the default.
        chosen: the user's choice; empty for the default.

    Raises:
        ValueError: a metric is unknown, or is for another kind of tasks.
    """
    names = list(chosen or METRICS[listing.embedding_type, listing.prediction_type])
    for name in names:
        if foreign := get(name).foreign_to(listing.embedding_type, listing.prediction_type):
            raise ValueError(f"metric {name} is not one of {foreign} tasks, which {listing.path} makes")
    return names


def metadata_of(
    folder: str, listing: Listing, splits: Sequence[str], metrics: Sequence[str], grid: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """The content of task_metadata.json without the length of the clips.

    Args:
        folder: name of the task folder, <name>-<version>.
        listing: the list, whose kind it is.
        splits: names of the splits.
        metrics: names of the metrics.
        grid: event post-processing in ms; HEAR's default where it has no values.
    """
    name, _, version = folder.rpartition("-")
    metadata: dict[str, Any] = {
        "task_name": name or folder,
        "version": version if name else "1",
        "embedding_type": listing.embedding_type,
        "prediction_type": listing.prediction_type,
        "split_mode": listing.split_mode,
        "evaluation": list(metrics),
        "splits": list(splits),
    }
    if listing.embedding_type == "event":
        values = {key: list(grid.get(key) or default) for key, default in DEFAULT_GRID.items()}
        metadata["evaluation_params"] = {"event_postprocessing_grid": values}
    return metadata


def vocabulary_of(listing: Listing, labels: Sequence[str], path: Path | None) -> tuple[str, ...]:
    """The labels of a task in order: those of a file, or else those that occur, sorted; of regression `target`.

    They are sorted as numbers if all are.

    Args:
        listing: the list.
        labels: the labels that occur, any number of times.
        path: a CSV file with a column `label`, or None.

    Raises:
        ValueError: a multiclass task has fewer than two labels, any task has none, or the file lacks one.
    """
    if listing.is_regression:
        if path is not None:
            raise ValueError(f"{path}: a vocabulary is of labels, and {listing.path} has the column {TARGET}")
        return (TARGET,)
    fewest = 2 if listing.prediction_type == "multiclass" else 1
    if len(set(labels)) < fewest:
        raise ValueError(f"{listing.path}: must have at least {fewest} labels, got {', '.join(set(labels)) or 'none'}")
    if path is None:
        numbers = all(re.fullmatch(r"-?\d+", label) for label in labels)
        return tuple(sorted(set(labels), key=(lambda label: (int(label), label)) if numbers else None))
    known = read_vocabulary(path)
    for entry in listing.entries:
        if unknown := [label for label in entry.labels if label not in known]:
            raise ValueError(f"{listing.place(entry)}: label {unknown[0]!r} is none of the {len(known)} in {path}")
    return known


def kit_findings(labels: Sequence[str]) -> list[Finding]:
    """Report labels that pandas changes, such as 01 among numbers, NA, and None.

    hear-eval-kit reads the vocabulary by pandas.
    """
    read = pd.read_csv(io.BytesIO(vocabulary_csv(labels)))["label"].astype(str)
    return [
        Finding("kit_labels", f"label {label!r} is {other!r} to hear-eval-kit")
        for label, other in itertools.zip_longest(labels, read[: len(labels)])
        if label != other
    ]
