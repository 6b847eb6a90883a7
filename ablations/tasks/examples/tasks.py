"""The small tasks: sources, makers, and the settings of HEAR's task of that kind."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ablations.tasks.examples import instruments, piano, recordings, soundscapes, tones
from ablations.tasks.examples.archives import fetched
from ablations.tasks.examples.clips import Clips
from ablations.tasks.examples.synthesizer import find_soundfont
from ablations.tasks.prepare.listing import read_listing
from ablations.tasks.prepare.options import Options
from ablations.tasks.prepare.task import examine, make_task
from downstream.progress import Track, silent
from passt.catalog.choices import choices

VERSION = "v1"


@dataclass(frozen=True)
class Source:
    """A file that tasks are made from.

    Attributes:
        help: one line about the option that names the file.
        find: (file or None, folder, track) -> the file, or what stands for None.
    """

    help: str
    find: Callable[[Path | None, Path, Track], Path]


SOURCES: Mapping[str, Source] = {
    "esc10": Source(
        "ESC-10's zip archive  [default: FOLDER/esc10.zip, fetched if absent]",
        lambda file, folder, track: file or fetched("esc10", folder, track),
    ),
    "fsdd": Source(
        "The spoken digits' zip archive  [default: FOLDER/fsdd.zip, fetched if absent]",
        lambda file, folder, track: file or fetched("fsdd", folder, track),
    ),
    "soundfont": Source(
        "A General MIDI soundfont, SF2  [default: Debian's FluidR3_GM.sf2]",
        lambda file, folder, track: find_soundfont(file),
    ),
}


@dataclass(frozen=True)
class Example:
    """A small task.

    Attributes:
        source: a key of `SOURCES`; "" for sounds that are computed.
        make: writes its clips from the source's file and a seed.
        metrics: HEAR's names; empty for the default of its kind.
        grid: event post-processing in ms, by `median_filter_ms` and `min_duration`.
        training: what replaces HEAR's settings of the training, by HEAR's names.
        settings: further keys of task_metadata.json.
    """

    source: str
    make: Callable[[Clips, Path, int], None]
    metrics: tuple[str, ...] = ()
    grid: Mapping[str, Sequence[float]] = field(default_factory=dict)
    training: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def _computed(make: Callable[[Clips, int], None]) -> Callable[[Clips, Path, int], None]:
    """Take a source, which sounds that are computed do not need."""
    return lambda clips, source, seed: make(clips, seed)


SELECT_BY_LOSS: Mapping[str, Any] = {"use_scoring_for_early_stopping": False}

# as MAESTRO, but the task is small: a probe may take 200 epochs, not 50
PIANO = Example(
    "soundfont",
    piano.piano,
    ("event_onset_50ms_fms", "event_onset_offset_50ms_20perc_fms"),
    {"median_filter_ms": [150], "min_duration": [50]},
    {"max_epochs": [200], "check_val_every_n_epoch": [2]},
    SELECT_BY_LOSS,
)
# as DCASE 2016, but the loss selects: with so few steps an epoch, a probe may predict nothing yet when it is first
# validated, and HEAR's protocol would end it there by its F-measure
SOUNDSCAPES = Example(
    "esc10",
    recordings.soundscapes,
    ("event_onset_200ms_fms", "segment_1s_er"),
    {"median_filter_ms": [250], "min_duration": [125]},
    {"max_epochs": [200], "check_val_every_n_epoch": [5]},
    SELECT_BY_LOSS,
)
TASKS: Mapping[str, Example] = {
    "digits_small": Example("fsdd", recordings.digits),
    "pitch_small": Example("soundfont", instruments.pitch, ("pitch_acc", "chroma_acc")),
    "families_small": Example("soundfont", instruments.families),
    "duets_small": Example("soundfont", instruments.duets),
    "piano_small": PIANO,
    "piano_24": replace(PIANO, make=partial(piano.piano, counts=piano.MORE_TO_TEST)),
    "scenes_small": Example("esc10", recordings.scenes),
    "soundscapes_small": SOUNDSCAPES,
    # validated as often as the piano: a probe ends 40 epochs after its best, not 100
    "soundscapes_20": replace(
        SOUNDSCAPES, make=partial(recordings.soundscapes, parts=soundscapes.APART), training=PIANO.training
    ),
    "semitones_small": Example("", _computed(tones.semitones), ("r2", "pearson", "mae")),
}


def make_tasks(
    folder: Path,
    names: Sequence[str] = (),
    files: Mapping[str, Path] | None = None,
    seed: int = 0,
    track: Track = silent,
) -> list[Path]:
    """Make the small tasks that a folder lacks, and return the folders of all that were named.

    Args:
        folder: where task folders and fetched archives lie.
        names: of the tasks; all where none is named.
        files: files of sources, by name; others are found as `SOURCES` says.
        seed: of everything that is drawn.

    Raises:
        ValueError, OSError: a name is unknown, or a source can't be had; nothing is made then.
    """
    if unknown := [name for name in names if name not in TASKS]:
        raise ValueError(f"unknown example {unknown[0]!r}{choices(unknown[0], TASKS)}")
    targets = {name: folder / f"{name}-{VERSION}" for name in names or TASKS}
    missing = [name for name, target in targets.items() if not target.is_dir()]
    needed = dict.fromkeys(TASKS[name].source for name in missing if TASKS[name].source)
    sources = {source: SOURCES[source].find((files or {}).get(source), folder, track) for source in needed}
    sources[""] = folder
    for name in missing:
        _make(TASKS[name], sources[TASKS[name].source], targets[name], seed, track)
    return list(targets.values())


def _make(example: Example, source: Path, target: Path, seed: int, track: Track) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        clips = Clips(Path(folder))
        with track(f"clips of {target.name}", 1) as advance:
            example.make(clips, source, seed)
            advance(1)
        listing = read_listing(clips.write_list(), unit="ms" if "start" in clips.rows[0] else "s")
        options = Options(metrics=example.metrics, grid=example.grid, seed=seed)
        examined = examine(listing, target.name, options, track)
        metadata = {**examined.metadata, **example.settings}
        if example.training:
            parameters = metadata.get("evaluation_params", {})
            metadata["evaluation_params"] = {**parameters, "task_specific_param_grid": dict(example.training)}
        make_task(replace(examined, metadata=metadata), target, track=track)
