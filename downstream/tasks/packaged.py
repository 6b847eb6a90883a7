"""Two small tasks of real sound that come with the project: spoken digits, and soundscapes made of them.

`spoken_digit` is a genuine HEAR 2021 task folder (100 clips, 5 folds), as published. Its clips are very soft: the
recordings are there at half a quantisation step of 16-bit PCM (largest sample 3 / 32768), in as much quantisation
noise. Models that see absolute level, as PaSST does, see little in it.

`digit_soundscapes` is an event task built from these clips by a seeded rule: soundscapes of 10 s over noise, 4 for
training, 2 for validation, 2 for testing, which share no clip; its one label is `speech`. There the recordings are cut
out, limited to the band they were made in (8 kHz sampling), brought to one level and placed in loud white noise.
For credits see data/CREDITS.md.
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

from downstream.disk.locks import held
from downstream.tasks.audio import read_clip
from downstream.tasks.task import Task

ARCHIVE = Path(__file__).parent / "data" / "hear-2021.0.6-spoken_digit-1.0.9-small-44100.tar.gz"
RATE = 44100  # Hz, of the archive and of the soundscapes
RECORDED_RATE = 8000  # Hz, of the recordings before HEAR resampled them
SECONDS = 10
SOUNDSCAPES = {"train": 4, "valid": 2, "test": 2}
CLIPS_EACH = 12
LABEL = "speech"
SEED = 2021
RULE = 1  # raised when another rule makes other tasks
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
    """The folder of a packaged task, made below `root`/tasks on first use, whole or not at all, by one process.

    Raises:
        ValueError: names the packaged tasks.
    """
    if name not in MAKERS:
        raise ValueError(f"unknown packaged task {name!r}, expected one of {', '.join(MAKERS)}")
    folder = root / "tasks" / f"rule{RULE}" / name
    if not folder.is_dir():
        partial = folder.with_name(f".{name}.partial")
        with held(root / "tasks" / f".{name}.lock"):
            shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
            if not folder.is_dir():
                partial.mkdir(parents=True)
                MAKERS[name](partial, root).rename(folder)
                shutil.rmtree(partial)
    return folder


def _spoken_digit(temporary: Path, _: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(temporary, filter="data")
    (metadata,) = temporary.rglob("task_metadata.json")
    return metadata.parent


def _digit_soundscapes(temporary: Path, root: Path) -> Path:
    digits = Task.from_dir(demo_task("spoken_digit", root))
    made = temporary / "made"
    stream = np.random.Generator(np.random.Philox(key=SEED))
    clips = [(split, file) for split in digits.splits for file in sorted(digits.items[split])]
    dealt = iter(stream.permutation(len(clips)))
    for split, count in SOUNDSCAPES.items():
        (made / str(RATE) / split).mkdir(parents=True)
        items = {}
        for number in range(count):
            chosen = [clips[i] for i in itertools.islice(dealt, CLIPS_EACH)]
            recordings = [_recording(digits.folder / str(RATE) / fold / file) for fold, file in chosen]
            sound, starts = _soundscape(recordings, stream)
            soundfile.write(made / str(RATE) / split / f"{split}{number}.wav", sound, RATE, subtype="PCM_16")
            items[f"{split}{number}.wav"] = [
                {"label": LABEL, "start": 1000 * start / RATE, "end": 1000 * (start + len(recording)) / RATE}
                for start, recording in zip(starts, recordings, strict=True)
            ]
        (made / f"{split}.json").write_text(json.dumps(items, indent=1))
    (made / "labelvocabulary.csv").write_text(f"idx,label\n0,{LABEL}\n")
    (made / "task_metadata.json").write_text(json.dumps(METADATA, indent=1))
    return made


def _recording(path: Path) -> np.ndarray:
    """The recording in a published clip, without what pads it to 1 s, in its own band and at one level."""
    clip = read_clip(path, RATE)
    clip = clip[: _length(clip)]
    clip = soxr.resample(soxr.resample(clip - clip.mean(), RATE, RECORDED_RATE), RECORDED_RATE, RATE)
    fade = np.minimum(1, np.arange(len(clip)) / (FADE_S * RATE))
    clip = clip * fade * fade[::-1]
    return clip * (CLIP_RMS / np.sqrt(np.mean(clip**2)))


def _length(clip: np.ndarray) -> int:
    """Where the recording ends: its samples are half a quantisation step too low, those of the padding are not."""
    count = np.arange(1, len(clip))
    total = np.cumsum(clip, dtype=np.float64)
    before, after = total[:-1] / count, (total[-1] - total[:-1]) / count[::-1]
    between = count * count[::-1] * (before - after) ** 2  # variance that a step at this place explains
    shortest = int(MIN_CLIP_S * RATE)
    return shortest + int(between[shortest:].argmax())


def _soundscape(recordings: Sequence[np.ndarray], stream: np.random.Generator) -> tuple[np.ndarray, list[int]]:
    """Recordings one after the other with gaps of random length, over white noise: (samples,) and where each starts."""
    samples = SECONDS * RATE
    lengths = [len(recording) for recording in recordings]
    gaps = stream.dirichlet(np.full(len(recordings) + 1, 4.0)) * (samples - sum(lengths))
    starts = np.floor(np.cumsum(gaps[:-1]) + np.cumsum([0, *lengths[:-1]])).astype(int).tolist()
    sound = stream.standard_normal(samples) * NOISE_RMS
    for start, recording in zip(starts, recordings, strict=True):
        sound[start : start + len(recording)] += recording
    return np.clip(sound, -1, 1), starts


MAKERS = {"spoken_digit": _spoken_digit, "digit_soundscapes": _digit_soundscapes}
