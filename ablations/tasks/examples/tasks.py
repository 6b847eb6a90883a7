"""The small tasks: what each is made from, by what, with which settings of HEAR's task of its kind."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ablations.tasks.examples import instruments, piano, recordings
from ablations.tasks.examples.archives import fetched
from ablations.tasks.examples.clips import Clips
from ablations.tasks.examples.synthesizer import find_soundfont
from ablations.tasks.prepare.listing import read_listing
from ablations.tasks.prepare.task import Options, examine, make_task
from downstream.progress import Track, silent

VERSION = "v1"


@dataclass(frozen=True)
class Example:
    """A small task.

    Attributes:
        source: esc10, fsdd or soundfont.
        make: writes its clips, from the source's file and a seed.
        metrics: HEAR's names; those of its kind where there are none.
        settings: further keys of task_metadata.json.
    """

    source: str
    make: Callable[[Clips, Path, int], None]
    metrics: tuple[str, ...] = ()
    grid: Mapping[str, Sequence[float]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


TASKS: Mapping[str, Example] = {
    "digits_small": Example("fsdd", recordings.digits),
    "pitch_small": Example("soundfont", instruments.pitch, ("pitch_acc", "chroma_acc")),
    "families_small": Example("soundfont", instruments.families),
    "duets_small": Example("soundfont", instruments.duets),
    "piano_small": Example(
        "soundfont",
        piano.piano,
        ("event_onset_50ms_fms", "event_onset_offset_50ms_20perc_fms"),
        {"median_filter_ms": [150], "min_duration": [50]},
        {
            "use_scoring_for_early_stopping": False,
            "task_specific_param_grid": {"max_epochs": [200], "check_val_every_n_epoch": [2]},
        },
    ),
    "scenes_small": Example("esc10", recordings.scenes),
    "soundscapes_small": Example(
        "esc10",
        recordings.soundscapes,
        ("event_onset_200ms_fms", "segment_1s_er"),
        {"median_filter_ms": [250], "min_duration": [125]},
        {
            "use_scoring_for_early_stopping": False,
            "task_specific_param_grid": {"max_epochs": [200], "check_val_every_n_epoch": [5]},
        },
    ),
}
"""Piano has MAESTRO's metrics and post-processing, and as that selects by the validation loss; but it is small, and may
take 200 epochs, not 50. Soundscapes have DCASE 2016's metrics, but select by the loss too: in so few steps an epoch a
probe may predict nothing yet when it is first validated, and by its F-measure would end there, by HEAR's protocol."""


def make_tasks(
    folder: Path,
    names: Sequence[str] = (),
    files: Mapping[str, Path] | None = None,
    seed: int = 0,
    track: Track = silent,
) -> list[Path]:
    """Make what is missing of the tasks (of all where none is named) in a folder; their folders are returned.

    Args:
        files: of the sources; ESC-10 and the digits are otherwise fetched to `folder`, the soundfont is Debian's.

    Raises:
        ValueError, OSError: for an unknown name, or a source that can't be had; before anything is made.
    """
    if odd := [name for name in names if name not in TASKS]:
        raise ValueError(f"unknown example {odd[0]!r}, expected one of {', '.join(TASKS)}")
    wanted = {name: folder / f"{name}-{VERSION}" for name in names or TASKS}
    missing = [name for name, target in wanted.items() if not target.is_dir()]
    sources: dict[str, Path] = {}
    for source in dict.fromkeys(TASKS[name].source for name in missing):
        given = (files or {}).get(source)
        sources[source] = find_soundfont(given) if source == "soundfont" else given or fetched(source, folder, track)
    for name in missing:
        _make(TASKS[name], sources[TASKS[name].source], wanted[name], seed, track)
    return list(wanted.values())


def _make(example: Example, source: Path, target: Path, seed: int, track: Track) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        clips = Clips(Path(folder))
        with track(f"clips of {target.name}", 1) as advance:
            example.make(clips, source, seed)
            advance(1)
        unit = "ms" if "start" in clips.rows[0] else "s"
        options = Options(metrics=example.metrics, grid=example.grid, seed=seed)
        examined = examine(read_listing(clips.write_list(), unit=unit), target.name, options, track)
        settings = dict(example.settings)
        parameters = {**examined.metadata.get("evaluation_params", {})}
        if "task_specific_param_grid" in settings:
            parameters["task_specific_param_grid"] = settings.pop("task_specific_param_grid")
        metadata = {**examined.metadata, **settings} | ({"evaluation_params": parameters} if parameters else {})
        make_task(replace(examined, metadata=metadata), target, track=track)
