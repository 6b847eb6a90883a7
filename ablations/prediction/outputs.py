"""The label files of a prediction: one CSV of all scenes, or a file of events for each recording."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.embedding.sources import Source, find_sources
from ablations.prediction.chosen import ChosenProbes
from ablations.prediction.files import Predicted
from ablations.prediction.labels import (
    EventLabel,
    SceneLabel,
    TargetValue,
    as_audacity,
    as_csv,
    event_labels,
    scene_labels,
)
from results.rows.files import write_text

CSV, AUDACITY = "csv", "audacity"
SUFFIXES = {CSV: ".csv", AUDACITY: ".txt"}
"""Format of label files -> how their names end."""
SCENES = "predictions.csv"


@dataclass(frozen=True)
class Written:
    """What came of a prediction.

    Attributes:
        labels: of scenes, in the order of the files; empty for events.
        events: how many were written.
        failed: a line for each file that could not be predicted.
        short: files that are shorter than the longest window of their model.
    """

    labels: Sequence[SceneLabel | TargetValue]
    events: int
    failed: Sequence[str]
    short: Sequence[Path]


class Outputs:
    """Where the labels of files go.

    Args:
        files: audio files, and folders that are searched for them.
        probes: what predicts them.
        out: the folder of label files; or, for one file of them, a path that ends as the format does.
        form: `CSV` or `AUDACITY`.
        replace: whether label files that are there may be replaced.

    Raises:
        ValueError: no files, a format that the task has not, or label files that are there already.
    """

    def __init__(
        self, files: Iterable[Path], probes: ChosenProbes, out: Path, form: str = CSV, *, replace: bool = False
    ) -> None:
        if form == AUDACITY and not probes.is_event:
            raise ValueError(f"format {AUDACITY} is of events in time, {probes.task} has none; expected {CSV}")
        suffix = SUFFIXES[form]
        self.probes, self.form = probes, form
        self.scenes = out if out.suffix == suffix else out / SCENES
        self.sources = find_sources(files, out if probes.is_event else Path(), suffix)
        places = [source.output for source in self.sources] if probes.is_event else [self.scenes]
        there = [place for place in places if place.exists()]
        if there and not replace:
            count = f"{len(there)} label files are there" if len(there) > 1 else "a label file is there"
            raise ValueError(f"{count} already, {there[0]}; expected another --out, or --replace")

    def write(self, predicted: Iterable[Predicted], top: int) -> Written:
        """Write the labels of files as they are predicted; those of scenes at the end.

        Args:
            predicted: the files, in any order.
            top: how many labels a scene gets.
        """
        scenes: dict[Source, list[SceneLabel] | list[TargetValue]] = {}
        failed, short, events = {}, [], 0
        longest_s = max((window or 0 for _, window in self._taps()), default=0) / 1000
        for one in predicted:
            if one.error:
                failed[one.source] = one.error
                continue
            if one.seconds < longest_s:
                short.append(one.source.path)
            if self.probes.is_event:
                labels = event_labels(one, self.probes)
                text = as_csv(labels, EventLabel) if self.form == CSV else as_audacity(labels)
                write_text(one.source.output, text)
                events += len(labels)
            else:
                scenes[one.source] = scene_labels(one, self.probes, top)
        rows = [label for source in self.sources for label in scenes.get(source, ())]
        if rows:
            write_text(self.scenes, as_csv(rows, TargetValue if self.probes.is_regression else SceneLabel))
        return Written(rows, events, [failed[source] for source in self.sources if source in failed], sorted(short))

    def _taps(self) -> Sequence[tuple[str, int | None]]:
        spec = self.probes.model.spec
        return spec.timestamp_taps() if self.probes.is_event else spec.scene_taps()
