"""Score predictions on a split of a task, at validation and at the test."""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence

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
        split: its name.
        data: its items, in the order of the predictions.
    """

    def __init__(self, task: Task, split: str, data: LabelledSplit) -> None:
        self.task, self.split, self.data = task, split, data

    def scores(
        self,
        predictions: np.ndarray | EventColumns,
        postprocessing: PostProcessing | None = None,
        names: Sequence[str] | None = None,
    ) -> dict[str, float]:
        """The score of every metric of the task, the primary first, each metric before its parts.

        Args:
            predictions: (items, labels) probabilities or numbers, or filtered runs for event tasks (`decoding.runs`).
            postprocessing: how predictions become events; needed for event tasks.
            names: of the metrics, if not all of the task are needed.
        """
        task_metrics = map(metrics.get, self.task.metrics if names is None else names)
        if not self.task.is_event:
            return _merged(metric.score(predictions, self.data.y) for metric in task_metrics)
        events = self._events(predictions, postprocessing)
        return _merged(metric.score(self._reference, events) for metric in task_metrics)

    def reported(self, predictions: np.ndarray, postprocessing: PostProcessing | None = None) -> dict[str, float]:
        """`scores` of a test.

        Scores that only hear-eval-kit defines are NaN (`downstream.scores.missing`).
        """
        scores = self.scores(predictions, postprocessing)
        return scores if self.task.is_event else missing.without_undefined(scores, self.data.y)

    def counts(self, predictions: np.ndarray, postprocessing: PostProcessing | None) -> np.ndarray | None:
        """(files, numbers) that the primary score sums over files, for statistics over clips.

        It is None for scene tasks.
        """
        metric = metrics.get(self.task.metrics[0])
        if metric.counts is None:
            return None
        return metric.counts(self._reference, self._events(predictions, postprocessing))

    def validate(self, predictions: np.ndarray) -> tuple[dict[str, float], PostProcessing | None]:
        """The primary score at validation with its parts, and for event tasks the post-processing with the largest.

        The largest is taken even if lower is better, as in hear-eval-kit. NaN counts as 0; the larger setting wins a
        tie.
        """
        primary = self.task.metrics[:1]
        if not self.task.is_event:
            return self.scores(predictions, names=primary), None
        filtered: dict[tuple[int, ...], EventColumns] = {}
        tried = []
        for setting in targets.postprocessing_grid(self.task.evaluation_params):
            widths = self._timeline.widths(setting.median_filter_ms)
            if widths not in filtered:
                filtered[widths] = decoding.runs(predictions, self._timeline, widths)
            scores = self.scores(filtered[widths], setting, primary)
            score = scores[primary[0]]
            tried.append((0.0 if math.isnan(score) else score, setting, scores))
        _, setting, scores = max(tried, key=lambda trial: trial[:2])
        return scores, setting

    def missing(self, scores: Mapping[str, float], predictions: np.ndarray | None = None) -> dict[str, str]:
        """metric -> the reason in one line why it is NaN in `scores`.

        Args:
            predictions: (items, labels) that were scored, which some reasons are of.
        """
        undefined = [name for name in self.task.metrics if math.isnan(scores.get(name, 0.0))]
        if self.task.is_event:
            return {name: missing.of_events(name, scores, self._reference, self.split) for name in undefined}
        items = self.data.y, self.task.labels, self.split, predictions
        return {name: missing.of_scenes(name, *items) for name in undefined}

    def _events(self, predictions: np.ndarray | EventColumns, postprocessing: PostProcessing | None) -> EventColumns:
        if postprocessing is None:
            raise ValueError(f"{self.task.name}: the predictions of an event task need a post-processing")
        if not isinstance(predictions, EventColumns):
            return decoding.events_of(predictions, self._timeline, postprocessing)
        return predictions.lasting(postprocessing.min_duration)

    @functools.cached_property
    def _reference(self) -> EventColumns:
        """The events of the split."""
        return event_columns([self.task.items[self.split][file] for file in self.data.files], self.task.labels)

    @functools.cached_property
    def _timeline(self) -> decoding.Timeline:
        return decoding.timeline(self.data.timestamps, self.data.offsets)


def _merged(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    return {name: value for scores in parts for name, value in scores.items()}
