"""Further rates of a task folder, resampled from its highest one, beside the published one."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from scipy.io import wavfile

from downstream.disk.files import write_atomically
from downstream.progress import Track, silent
from downstream.tasks.audio import SplitAudio, rates, read_clip, resample
from downstream.tasks.task import Task

MIN_RATE = 1000  # Hz
Clip = tuple[Path, Path, int]
"""A clip, its place at another rate, its bytes."""


def add_rate(task: Task, rate: int, *, workers: int | None = None, track: Track = silent) -> Path:
    """The folder of a task's clips at `rate` Hz, made where it is absent; absent until it is complete.

    The clips are WAVE of float32 with just the samples that `SplitAudio.load` gives at that rate (16 bits would round
    them and cut what resampling overshoots). A call that was stopped is gone on with, clip by clip; no two for a task
    may overlap.

    Args:
        workers: threads; soxr and libsndfile hold no lock of the interpreter. None: as many as there are processors.

    Raises:
        ValueError, FileNotFoundError: for a rate out of range; name a clip that can't be read, or is absent.
        OSError: the disk is too small.
    """
    source_rate = rates(task.folder)[-1]
    if not MIN_RATE <= rate <= source_rate:
        raise ValueError(f"{task.folder}: rate must be in {MIN_RATE} to {source_rate} Hz, its highest, got {rate}")
    folder = task.folder / str(rate)
    if not folder.is_dir():
        partial = folder.with_name(f".{rate}.partial")
        clips = list(_clips(task, source_rate, partial))
        _check_room(clips, source_rate, rate, task.folder)
        with track(f"{task.name}: {rate} Hz", sum(size for _, _, size in clips)) as advance:
            for size in _resampled(clips, source_rate, rate, workers or len(os.sched_getaffinity(0))):
                advance(size)
        for left in partial.rglob("*.tmp"):  # of a call that was stopped
            left.unlink()
        partial.rename(folder)
    return folder


def _clips(task: Task, source_rate: int, partial: Path) -> Iterator[Clip]:
    for split in task.splits:
        audio = SplitAudio.of(task, split, source_rate, task.folder)
        odd = next((file for file in audio.files if not file.lower().endswith(".wav")), None)
        if odd is not None:
            raise ValueError(f"{audio.folder / odd}: only .wav files are resampled to files; a run resamples any")
        for file in audio.files:
            path = audio.folder / file
            yield path, partial / split / file, path.stat().st_size


def _check_room(clips: list[Clip], source_rate: int, rate: int, folder: Path) -> None:
    needed = sum(size for _, there, size in clips if not there.is_file()) * 2 * rate / source_rate  # of 16 bits to 32
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{folder}: {rate} Hz needs up to {needed / 1e6:.1f} MB, but {free / 1e6:.1f} MB are free; "
            "`ablate run` resamples what it needs by itself"
        )


def _resampled(clips: list[Clip], source_rate: int, rate: int, workers: int) -> Iterator[int]:
    """The bytes of each clip that is done."""

    def make(clip: Clip) -> int:
        path, there, size = clip
        if not there.is_file():
            sound = resample(read_clip(path, source_rate), source_rate, rate)
            write_atomically(there, lambda out: wavfile.write(out, rate, sound))
        return size

    with contextlib.ExitStack() as stack:
        pool = ThreadPoolExecutor(workers)
        stack.callback(pool.shutdown, cancel_futures=True)
        for future in as_completed([pool.submit(make, clip) for clip in clips]):
            yield future.result()
