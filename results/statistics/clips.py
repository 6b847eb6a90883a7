"""The clips of two models' jobs side by side: the same folds, their independent units, and their arrays."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from results.rows.predictions import Clips, same_clips

Runs = list[list[Clips]]
"""Of each seed the clips of each fold."""
Read = Callable[[str], Sequence[Clips]]
"""From a job to its clips, one a fold."""


def aligned(first: Mapping[str, Sequence[Clips]], jobs: Mapping[str, str], read: Read) -> list[Clips]:
    """Read the folds of all folders of a task, in the order of `first`; they must have the same clips."""
    clips_of_task = []
    for fingerprint, folds in first.items():
        others = {clips.fold: clips for clips in read(jobs[fingerprint])}
        if set(others) != {clips.fold for clips in folds}:
            names = ", ".join(clips.fold for clips in folds)
            raise ValueError(f"folds are {names} and {', '.join(others)}; expected the same task's")
        for clips in folds:
            same_clips(clips, others[clips.fold])
            clips_of_task.append(others[clips.fold])
    return clips_of_task


def with_groups(runs: Sequence[Clips]) -> Clips:
    """Choose a run of a fold that knows the groups of its clips, where one does; earlier runs did not record them."""
    known = [(clips.groups.tolist(), clips) for clips in runs if clips.groups is not None]
    return max(known, key=lambda pair: pair[0], default=([], runs[0]))[1]


def number_units(folds: Sequence[Clips]) -> tuple[list[np.ndarray], float]:
    """Number the independent units of each fold, (clips,), and count the groups, NaN where none is named.

    A unit is a group, in whatever folds it is, or a clip without one. A clip that several folders of a task test in the
    same fold is one unit.
    """
    names = []
    for clips in folds:
        groups = clips.groups if clips.groups is not None else [""] * len(clips.files)
        pairs = zip(groups, clips.files, strict=True)
        names.append([("group", str(group)) if group else (clips.fold, str(file)) for group, file in pairs])
    places = {name: place for place, name in enumerate(sorted({name for fold in names for name in fold}))}
    named = any(kind == "group" for kind, _ in places)
    return [np.array([places[name] for name in fold]) for fold in names], len(places) if named else math.nan


def arrays(
    runs: Runs, array: Callable[[Clips], np.ndarray | None], without: str = "no predictions of scenes"
) -> list[list[np.ndarray]]:
    """Take an array of each seed and fold.

    Args:
        array: from a fold's clips to its array, or None.
        without: the error where a fold has none.

    Raises:
        ValueError: where a fold has no such array.
    """
    folds = [[array(clips) for clips in seed] for seed in runs]
    present = [[values for values in seed if values is not None] for seed in folds]
    if list(map(len, present)) != list(map(len, folds)):
        raise ValueError(without)
    return present
