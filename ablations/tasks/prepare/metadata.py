"""What a task's metadata says, and which labels it has."""

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
from ablations.tasks.prepare.listing import Listing
from downstream.events.targets import DEFAULT_GRID
from downstream.scores import metrics

METRICS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("scene", "multiclass"): ("top1_acc",),
    ("scene", "multilabel"): ("mAP", "aucroc"),
    ("event", "multilabel"): ("event_onset_200ms_fms", "segment_1s_er"),  # those of HEAR's DCASE 2016
}


def metrics_of(listing: Listing, wanted: Sequence[str]) -> list[str]:
    """The metrics of a task, the first of which selects.

    Raises:
        ValueError: for one that is unknown or of the other kind of tasks.
    """
    names = list(wanted or METRICS[listing.embedding_type, listing.prediction_type])
    for name in names:
        if metrics.get(name).of_events != (listing.embedding_type == "event"):
            raise ValueError(f"metric {name} is not one of {listing.embedding_type} tasks, which {listing.path} makes")
    return names


def metadata_of(
    folder: str, listing: Listing, splits: Sequence[str], names: Sequence[str], grid: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """`task_metadata.json` without the duration.

    Args:
        folder: the task folder's name, <name>-<version>.
        names: of metrics.
        grid: event post-processing, in place of HEAR's default where it has values.
    """
    name, _, version = folder.rpartition("-")
    found: dict[str, Any] = {
        "task_name": name or folder,
        "version": version if name else "1",
        "embedding_type": listing.embedding_type,
        "prediction_type": listing.prediction_type,
        "split_mode": listing.split_mode,
        "evaluation": list(names),
        "splits": list(splits),
    }
    if listing.embedding_type == "event":
        values = {key: list(grid.get(key) or default) for key, default in DEFAULT_GRID.items()}
        found["evaluation_params"] = {"event_postprocessing_grid": values}
    return found


def vocabulary_of(listing: Listing, labels: Sequence[str], path: Path | None) -> tuple[str, ...]:
    """The labels in their order: of a CSV file with a column `label`, else sorted, as numbers where all are.

    Args:
        labels: those that occur.

    Raises:
        ValueError: for fewer than two labels of a multiclass task, none at all, or one that the file lacks.
    """
    fewest = 2 if listing.prediction_type == "multiclass" else 1
    if len(set(labels)) < fewest:
        raise ValueError(f"{listing.path}: must have at least {fewest} labels, got {', '.join(set(labels)) or 'none'}")
    if path is None:
        numbers = all(re.fullmatch(r"-?\d+", label) for label in labels)
        return tuple(sorted(set(labels), key=(lambda label: (int(label), label)) if numbers else None))
    known = read_vocabulary(path)
    for entry in listing.entries:
        if odd := [label for label in entry.labels if label not in known]:
            raise ValueError(f"{listing.place(entry)}: label {odd[0]!r} is none of the {len(known)} in {path}")
    return known


def kit_findings(labels: Sequence[str]) -> list[Finding]:
    """Labels that do not survive pandas, by which hear-eval-kit reads the vocabulary: 01 among numbers, NA, None."""
    read = pd.read_csv(io.BytesIO(vocabulary_csv(labels)))["label"].astype(str)
    return [
        Finding("kit_labels", f"label {label!r} is {other!r} to hear-eval-kit")
        for label, other in itertools.zip_longest(labels, read[: len(labels)])
        if label != other
    ]
