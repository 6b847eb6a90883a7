"""The scores of predictions on one split of a task, at validation and at the test."""

import functools
import math
from collections.abc import Iterable, Mapping

import numpy as np

from downstream.events import decoding, targets
from downstream.events.columns import EventColumns, event_columns
from downstream.events.targets import PostProcessing
from downstream.scores import metrics, missing
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task


class Scorer:
    """Scores predictions on one split.

    Args:
        split: which of the task's. data: its items, in the order of the predictions.
    """

    def __init__(self, task: Task, split: str, data: LabelledSplit) -> None:
        self.task, self.split, self.data = task, split, data

    def scores(
        self, predictions: np.ndarray | EventColumns, postprocessing: PostProcessing | None = None
    ) -> dict[str, float]:
        """Every metric of the task, in its order, the primary first; parts of a metric behind it.

        Args:
            predictions: (items, labels) probabilities, or of event tasks their filtered runs (`decoding.runs`).
            postprocessing: of event tasks, how they become events.
        """
        wanted = map(metrics.get, self.task.metrics)
        if not self.task.is_event:
            return _merged(metric.score(predictions, self.data.y) for metric in wanted)
        found = self._events(predictions, postprocessing)
        return _merged(metric.score(self._reference, found) for metric in wanted)

    def reported(self, predictions: np.ndarray, postprocessing: PostProcessing | None = None) -> dict[str, float]:
        """`scores` of a test: NaN also where only hear-eval-kit has a number (`downstream.scores.missing`)."""
        scores = self.scores(predictions, postprocessing)
        return scores if self.task.is_event else missing.without_undefined(scores, self.data.y)

    def counts(self, predictions: np.ndarray, postprocessing: PostProcessing | None) -> np.ndarray | None:
        """Of event tasks (files, numbers): what the primary score sums over files, for statistics over clips."""
        metric = metrics.get(self.task.metrics[0])
        return metric.counts and metric.counts(self._reference, self._events(predictions, postprocessing))

    def validate(self, predictions: np.ndarray) -> tuple[dict[str, float], PostProcessing | None]:
        """Scores, and for event tasks the post-processing that gives the largest primary score.

        The largest also where lower is better, as hear-eval-kit does; NaN counts as 0; ties go to the larger setting.
        """
        if not self.task.is_event:
            return self.scores(predictions), None
        filtered, tried = {}, []
        for setting in targets.postprocessing_grid(self.task.evaluation_params):
            widths = self._timeline.widths(setting.median_filter_ms)
            if widths not in filtered:
                filtered[widths] = decoding.runs(predictions, self._timeline, widths)
            scores = self.scores(filtered[widths], setting)
            primary = scores[self.task.metrics[0]]
            tried.append((0.0 if math.isnan(primary) else primary, setting, scores))
        _, setting, scores = max(tried, key=lambda trial: trial[:2])
        return scores, setting

    def missing(self, scores: Mapping[str, float]) -> dict[str, str]:
        """Why the metrics that are NaN in `scores` are not defined: metric -> a reason in one line."""
        undefined = [name for name in self.task.metrics if math.isnan(scores.get(name, 0.0))]
        if self.task.is_event:
            return {name: missing.of_events(name, scores, self._reference, self.split) for name in undefined}
        return {name: missing.of_scenes(name, self.data.y, self.task.labels, self.split) for name in undefined}

    def _events(self, predictions: np.ndarray | EventColumns, postprocessing: PostProcessing) -> EventColumns:
        if not isinstance(predictions, EventColumns):
            widths = self._timeline.widths(postprocessing.median_filter_ms)
            predictions = decoding.runs(predictions, self._timeline, widths)
        return predictions.lasting(postprocessing.min_duration)

    @functools.cached_property
    def _reference(self) -> EventColumns:
        """The events of the split, prepared once."""
        return event_columns([self.task.items[self.split][file] for file in self.data.files], self.task.labels)

    @functools.cached_property
    def _timeline(self) -> decoding.Timeline:
        return decoding.timeline(self.data.timestamps, self.data.offsets)


def _merged(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    return {name: value for scores in parts for name, value in scores.items()}
