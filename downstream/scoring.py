"""The scores of predictions on one split of a task, at validation and at the test."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from downstream import events, metrics
from downstream.events import PostProcessing
from downstream.splits import LabelledSplit
from downstream.task import Task


class Scorer:
    """Scores predictions on one split.

    Args:
        split: which of the task's. data: its items, in the order of the predictions.
    """

    def __init__(self, task: Task, split: str, data: LabelledSplit) -> None:
        self.task, self.split, self.data = task, split, data

    def scores(self, predictions: np.ndarray, postprocessing: PostProcessing | None = None) -> dict[str, float]:
        """Every metric of the task, in its order, the primary first; parts of a metric behind it.

        Args:
            predictions: (items, labels) probabilities. postprocessing: of event tasks, how they become events.
        """
        task, data = self.task, self.data
        if not task.is_event:
            return _merged(metrics.get(name).score(predictions, data.y) for name in task.metrics)
        pairs = []
        for i, file in enumerate(data.files):
            rows = slice(data.offsets[i], data.offsets[i + 1])
            found = events.decode(predictions[rows], data.timestamps[rows], task.labels, postprocessing)
            pairs.append((task.items[self.split][file], found))
        return _merged(metrics.get(name).score(pairs) for name in task.metrics)

    def validate(self, predictions: np.ndarray) -> tuple[dict[str, float], PostProcessing | None]:
        """Scores, and for event tasks the post-processing that gives the largest primary score.

        The largest also where lower is better, as hear-eval-kit does; NaN counts as 0; ties go to the larger setting.
        """
        if not self.task.is_event:
            return self.scores(predictions), None
        tried = []
        for setting in events.postprocessing_grid(self.task.evaluation_params):
            scores = self.scores(predictions, setting)
            primary = scores[self.task.metrics[0]]
            tried.append((0.0 if math.isnan(primary) else primary, setting, scores))
        _, setting, scores = max(tried, key=lambda trial: trial[:2])
        return scores, setting


def _merged(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    return {name: value for scores in parts for name, value in scores.items()}
