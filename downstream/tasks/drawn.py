"""Draw a part of the training clips, the same part for every model.

Draws of one seed are nested: a larger one contains every smaller one, so that scores along a label curve differ by the
clips that were added.
"""

import hashlib
import math
from collections.abc import Sequence

from downstream.notices import warn_once
from downstream.tasks.limited import labels_of
from downstream.tasks.task import Task

NAMED = 5  # labels that a notice names


def drawn(
    task: Task, splits: Sequence[str], seed: int, *, fewshot: int | None = None, fraction: float | None = None
) -> dict[str, set[str]]:
    """Draw clips of the training splits of a fold.

    Clips that have no label count as a label of their own. A hash of seed, split and name puts clips in order.

    Args:
        splits: names of the training splits.
        seed: of the draw.
        fewshot: clips of each label. A clip of several labels counts for each, so that some labels may get more. A
            label with fewer clips gives all, which is logged.
        fraction: share of the clips, rounded up; for tasks of one label a clip, of the clips of each label.

    Returns:
        split -> its drawn clips.
    """
    clips = sorted(
        ((split, file) for split in splits for file in task.items[split]), key=lambda clip: _hash(seed, *clip)
    )
    by_label: dict[str, list[tuple[str, str]]] = {}
    for clip in clips:
        for label in labels_of(task.items[clip[0]][clip[1]]):
            by_label.setdefault(label, []).append(clip)
    if fewshot is not None:
        few = [f"{label or 'no label'} ({len(of)})" for label, of in by_label.items() if len(of) < fewshot]
        if few:
            more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
            names = ", ".join(sorted(few)[:NAMED])
            text = f"{task.name}: fewer than {fewshot} training clips of {names}{more}: all of them are used"
            warn_once(text, key=f"{task.name} fewshot{fewshot}")  # counts differ from fold to fold
        chosen = {clip for of in by_label.values() for clip in of[:fewshot]}
    elif fraction is not None:
        parts = by_label.values() if task.prediction_type == "multiclass" else [clips]
        chosen = {clip for part in parts for clip in part[: math.ceil(round(fraction * len(part), 9))]}
    else:
        chosen = set(clips)
    return {split: {file for of, file in chosen if of == split} for split in splits}


def _hash(seed: int, split: str, file: str) -> str:
    return hashlib.sha256(f"{seed} {split} {file}".encode()).hexdigest()
