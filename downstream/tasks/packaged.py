"""Two packaged tasks of real sound: spoken digits, and soundscapes made of them.

`spoken_digit` is a HEAR 2021 task folder as published (100 clips, 5 folds). Its clips are very soft: the recordings
reach half a quantization step of 16-bit PCM (the largest sample is 3 / 32768), in as much quantization noise. Models
that depend on the absolute level, such as PaSST, hear little in it.

`digit_soundscapes` is an event task made from these clips by a seeded rule: soundscapes of 10 s, 4 for training, 2 for
validation and 2 for testing, which share no clip; its one label is `speech`. The recordings are cut out, limited to
their own band (8 kHz sampling), brought to one level and placed in loud white noise. Credits: data/CREDITS.md.
"""

import itertools
import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from downstream.disk.files import put_in_place
from downstream.disk.locks import held
from downstream.tasks.audio import read_clip
from downstream.tasks.task import Task

ARCHIVE = Path(__file__).parent / "data" / "hear-2021.0.6-spoken_digit-1.0.9-small-44100.tar.gz"
RATE = 44100  # Hz, of the archive and of the soundscapes
RECORDED_RATE = 8000  # Hz, of the recordings before HEAR resampled them
SECONDS = 10
SOUNDSCAPES = {"train": 4, "valid": 2, "test": 2}
CLIPS_PER_SOUNDSCAPE = 12
LABEL = "speech"
SEED = 2021
RULE = 1  # part of the folder's name; raised when the rule changes the tasks
NOISE_RMS, CLIP_RMS = 0.14, 0.04  # white noise over 22 kHz; speech in 4 kHz of them
MIN_CLIP_S, FADE_S = 0.1, 0.005

METADATA = {
    "task_name": "digit_soundscapes",
    "version": "1",
    "embedding_type": "event",
    "prediction_type": "multilabel",
    "split_mode": "trainvaltest",
    "sample_duration": SECONDS,
    "evaluation": ["event_onset_200ms_fms", "segment_1s_er"],
    "splits": list(SOUNDSCAPES),
    "evaluation_params": {"task_specific_param_grid": {"max_epochs": [60], "check_val_every_n_epoch": [2]}},
}


def demo_task(name: str, root: Path) -> Path:
    """The folder of a packaged task, made on first use: complete or absent, by one process.

    Args:
        root: of the store; tasks are made in its folder `tasks`.

    Raises:
        ValueError: names the packaged tasks.
    """
    if name not in MAKERS:
        raise ValueError(f"unknown packaged task {name!r}, expected one of {', '.join(MAKERS)}")
    folder = root / "tasks" / f"rule{RULE}" / name
    if not folder.is_dir():
        partial = folder.with_name(f".{name}.partial")
        with held(root / "tasks" / f".{name}.lock"):
            shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
            if not folder.is_dir():
                partial.mkdir(parents=True)
                put_in_place(MAKERS[name](partial, root), folder)
                shutil.rmtree(partial)
    return folder


def _spoken_digit(temporary: Path, _: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(temporary, filter="data")
    (metadata,) = temporary.rglob("task_metadata.json")
    return metadata.parent


def _digit_soundscapes(temporary: Path, root: Path) -> Path:
    digits = Task.from_dir(demo_task("spoken_digit", root))
    draft = temporary / "made"
    stream = np.random.Generator(np.random.Philox(key=SEED))
    clips = [(split, file) for split in digits.splits for file in sorted(digits.items[split])]
    dealt = iter(stream.permutation(len(clips)))
    for split, count in SOUNDSCAPES.items():
        (draft / str(RATE) / split).mkdir(parents=True)
        items = {}
        for number in range(count):
            chosen = [clips[i] for i in itertools.islice(dealt, CLIPS_PER_SOUNDSCAPE)]
            recordings = [_recording(digits.folder / str(RATE) / fold / file) for fold, file in chosen]
            sound, starts = _soundscape(recordings, stream)
            soundfile.write(draft / str(RATE) / split / f"{split}{number}.wav", sound, RATE, subtype="PCM_16")
            items[f"{split}{number}.wav"] = [
                {"label": LABEL, "start": 1000 * start / RATE, "end": 1000 * (start + len(recording)) / RATE}
                for start, recording in zip(starts, recordings, strict=True)
            ]
        (draft / f"{split}.json").write_text(json.dumps(items, indent=1))
    (draft / "labelvocabulary.csv").write_text(f"idx,label\n0,{LABEL}\n")
    (draft / "task_metadata.json").write_text(json.dumps(METADATA, indent=1))
    return draft


def _recording(path: Path) -> np.ndarray:
    """The recording in a published clip, without the padding to 1 s, in its own band and at one level."""
    clip = read_clip(path, RATE)
    clip = clip[: _length(clip)]
    clip = soxr.resample(soxr.resample(clip - clip.mean(), RATE, RECORDED_RATE), RECORDED_RATE, RATE)
    fade = np.minimum(1, np.arange(len(clip)) / (FADE_S * RATE))
    clip = clip * fade * fade[::-1]
    leveled: np.ndarray = clip * (CLIP_RMS / np.sqrt(np.mean(clip**2)))
    return leveled


def _length(clip: np.ndarray) -> int:
    """Where the recording ends: its samples are half a quantization step too low, those of the padding are not."""
    count = np.arange(1, len(clip))
    total = np.cumsum(clip, dtype=np.float64)
    before, after = total[:-1] / count, (total[-1] - total[:-1]) / count[::-1]
    between = count * count[::-1] * (before - after) ** 2  # variance explained by a step at this place
    shortest = int(MIN_CLIP_S * RATE)
    return shortest + int(between[shortest:].argmax())


def _soundscape(recordings: Sequence[np.ndarray], stream: np.random.Generator) -> tuple[np.ndarray, list[int]]:
    """Place recordings with random gaps over white noise: the sound (samples,), and where each recording starts."""
    samples = SECONDS * RATE
    lengths = [len(recording) for recording in recordings]
    gaps = stream.dirichlet(np.full(len(recordings) + 1, 4.0)) * (samples - sum(lengths))
    starts = np.floor(np.cumsum(gaps[:-1]) + np.cumsum([0, *lengths[:-1]])).astype(int).tolist()
    sound = stream.standard_normal(samples) * NOISE_RMS
    for start, recording in zip(starts, recordings, strict=True):
        sound[start : start + len(recording)] += recording
    return np.clip(sound, -1, 1), starts


MAKERS = {"spoken_digit": _spoken_digit, "digit_soundscapes": _digit_soundscapes}
