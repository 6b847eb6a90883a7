"""Two packaged tasks of real speech: which digit is spoken, and which digit when.

Both are made of 300 recordings of the Free Spoken Digit Dataset, at 8 kHz: the first five takes of ten digits by six
speakers, which the dataset names its test set. Each speaker is a fold, so that probes are tested on a speaker that
they have not heard.

`digits` is a scene task: a clip is a recording. The takes of one digit by one speaker are a group.

`digit_events` is an event task of 60 clips. A clip is five recordings of one speaker, in a random order, at one level,
with pauses, over a little white noise. No recording is in two clips. Credits: data/CREDITS.md.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from downstream.disk.choices import choices
from downstream.disk.files import put_in_place
from downstream.disk.locks import held
from downstream.tasks.groups import GROUPS

ARCHIVE = Path(__file__).parent / "data" / "digits.zip"
RATE = 8000  # Hz
DIGITS = tuple("0123456789")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
SEED = 2022
RULE = 2  # part of the folder's name; raised when the rule changes the tasks
LEVEL_RMS, NOISE_RMS = 0.08, 0.005
PAUSE_S = (0.1, 0.5)
DIGITS_PER_CLIP = 5


@dataclass(frozen=True)
class Recording:
    """A digit that a speaker says.

    Attributes:
        content: the file, in FLAC.
    """

    digit: str
    speaker: str
    take: str
    content: bytes

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.digit}_{self.speaker}_{self.take}.flac"

    def sound(self) -> np.ndarray:
        """The samples at `RATE`: (samples,), in [-1, 1]."""
        samples, _ = soundfile.read(io.BytesIO(self.content))
        sound: np.ndarray = samples
        return sound


def demo_task(name: str, root: Path) -> Path:
    """The folder of a packaged task, made on first use: complete or absent, by one process.

    Args:
        name: a key of `MAKERS`.
        root: of the store; tasks are made in its folder `tasks`.

    Raises:
        ValueError: names the packaged tasks.
    """
    if name not in MAKERS:
        raise ValueError(f"unknown packaged task {name!r}{choices(name, MAKERS)}")
    folder = root / "tasks" / f"rule{RULE}" / name
    if not folder.is_dir():
        partial = folder.with_name(f".{name}.partial")
        with held(root / "tasks" / f".{name}.lock"):
            shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
            if not folder.is_dir():
                (partial / name).mkdir(parents=True)
                MAKERS[name](partial / name)
                put_in_place(partial / name, folder)
                shutil.rmtree(partial)
    return folder


def recordings() -> list[Recording]:
    """The 300 recordings, by digit, speaker and take."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        contents = {name: archive.read(name) for name in sorted(archive.namelist())}
    return [_recording(name, content) for name, content in contents.items()]


def _recording(name: str, content: bytes) -> Recording:
    digit, speaker, take = name.removesuffix(".flac").split("_")
    return Recording(digit, speaker, take, content)


def _digits(folder: Path) -> None:
    """Write the scene task."""
    spoken = recordings()
    for recording in spoken:
        _place(folder, recording.speaker, recording.name).write_bytes(recording.content)
    items = {one: {r.name: [r.digit] for r in spoken if r.speaker == one} for one in SPEAKERS}
    groups = {one: {r.name: f"{r.digit}_{one}" for r in spoken if r.speaker == one} for one in SPEAKERS}
    (folder / GROUPS).write_text(json.dumps(groups, indent=1))
    _describe(folder, items, embedding_type="scene", prediction_type="multiclass", evaluation=["top1_acc"])


def _digit_events(folder: Path) -> None:
    """Write the event task."""
    stream = np.random.Generator(np.random.Philox(key=SEED))
    spoken = recordings()
    items: dict[str, dict[str, Any]] = {}
    for speaker in SPEAKERS:
        of_speaker = [recording for recording in spoken if recording.speaker == speaker]
        order = stream.permutation(len(of_speaker)).reshape(-1, DIGITS_PER_CLIP)
        items[speaker] = {}
        for number, chosen in enumerate(order):
            sound, events = _sequence([of_speaker[i] for i in chosen], stream)
            name = f"{speaker}_{number}.flac"
            soundfile.write(_place(folder, speaker, name), sound, RATE, subtype="PCM_16")
            items[speaker][name] = events
    _describe(
        folder,
        items,
        embedding_type="event",
        prediction_type="multilabel",
        evaluation=["event_onset_200ms_fms", "segment_1s_er"],
        # the loss selects: when probes are first validated, many predict nothing yet, and the F-measure would end them
        use_scoring_for_early_stopping=False,
        evaluation_params={
            "event_postprocessing_grid": {"median_filter_ms": [150], "min_duration": [50]},
            "task_specific_param_grid": {"max_epochs": [100], "check_val_every_n_epoch": [5]},
        },
    )


def _sequence(chosen: list[Recording], stream: np.random.Generator) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Set recordings one after the other, over noise.

    Returns:
        The sound (samples,) at `RATE`, and its events in ms.
    """
    pauses = np.round(stream.uniform(*PAUSE_S, len(chosen) + 1) * RATE).astype(int)
    sounds = [recording.sound() for recording in chosen]
    sound = stream.standard_normal(int(pauses.sum()) + sum(map(len, sounds))) * NOISE_RMS
    events, start = [], int(pauses[0])
    for recording, spoken, pause in zip(chosen, sounds, pauses[1:], strict=True):
        end = start + len(spoken)
        sound[start:end] += spoken * (LEVEL_RMS / np.sqrt(np.mean(spoken**2)))
        events.append({"label": recording.digit, "start": 1000 * start / RATE, "end": 1000 * end / RATE})
        start = end + int(pause)
    return np.clip(sound, -1, 1), events


def _place(folder: Path, split: str, name: str) -> Path:
    """The place of a clip, in a folder that exists."""
    place = folder / str(RATE) / split / name
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _describe(folder: Path, items: Mapping[str, Any], **metadata: Any) -> None:
    """Write the files of a task beside its sound, with a split a speaker."""
    for split, of_split in items.items():
        (folder / f"{split}.json").write_text(json.dumps(of_split, indent=1))
    vocabulary = "".join(f"{index},{label}\n" for index, label in enumerate(DIGITS))
    (folder / "labelvocabulary.csv").write_text(f"idx,label\n{vocabulary}")
    same = {"task_name": folder.name, "version": "1", "split_mode": "presplit_kfold", "splits": list(SPEAKERS)}
    (folder / "task_metadata.json").write_text(json.dumps({**same, "sample_duration": None, **metadata}, indent=1))


MAKERS = {"digits": _digits, "digit_events": _digit_events}
"""The name of a packaged task -> what writes it to an empty folder."""
