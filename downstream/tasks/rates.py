"""Add rates to a task folder, resampled from its highest one."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from scipy.io import wavfile

from downstream.disk.files import put_in_place, write_atomically
from downstream.progress import Track, silent
from downstream.tasks.audio import SplitAudio, rates, read_clip, resample
from downstream.tasks.task import Task

MIN_RATE = 1000  # Hz


@dataclass(frozen=True)
class _Clip:
    """A clip to resample: its file, the file to make, and the size of the first in bytes."""

    path: Path
    target: Path
    size: int


def add_rate(task: Task, rate: int, *, workers: int | None = None, track: Track = silent) -> Path:
    """Make the folder of a task's clips at a rate, if it is absent.

    It is absent until it is complete.

    The clips are WAVE files of float32 with exactly the samples of `SplitAudio.load` at that rate (16 bits would round
    them, and clip what overshoots). A call continues one that was stopped, clip by clip; no two calls for a task may
    overlap.

    Args:
        rate: in Hz.
        workers: number of threads; soxr and libsndfile run in parallel. None: one for each processor.

    Returns:
        The folder.

    Raises:
        ValueError: the rate is out of range, or a clip can't be read.
        FileNotFoundError: a clip is absent.
        OSError: the disk is too small.
    """
    source_rate = rates(task.folder)[-1]
    if not MIN_RATE <= rate <= source_rate:
        raise ValueError(f"{task.folder}: rate must be in {MIN_RATE} to {source_rate} Hz, its highest, got {rate}")
    folder = task.folder / str(rate)
    if not folder.is_dir():
        partial = folder.with_name(f".{rate}.partial")
        clips = list(_clips(task, source_rate, partial))
        _check_disk(clips, rate / source_rate, f"{task.folder}: {rate} Hz")
        with track(f"{task.name}: {rate} Hz", sum(clip.size for clip in clips)) as advance:
            for size in _resampled(clips, source_rate, rate, workers or len(os.sched_getaffinity(0))):
                advance(size)
        for temporary in partial.rglob("*.tmp"):  # left by a call that was stopped
            temporary.unlink()
        put_in_place(partial, folder)
    return folder


def _clips(task: Task, source_rate: int, partial: Path) -> Iterator[_Clip]:
    for split in task.splits:
        audio = SplitAudio.of(task, split, source_rate, task.folder)
        odd = next((file for file in audio.files if not file.lower().endswith(".wav")), None)
        if odd is not None:
            raise ValueError(f"{audio.folder / odd}: only .wav files are resampled to files; a run resamples any")
        for file in audio.files:
            path = audio.folder / file
            yield _Clip(path, partial / split / file, path.stat().st_size)


def _check_disk(clips: Sequence[_Clip], ratio: float, subject: str) -> None:
    """Raise OSError if the clips that are still to be made may not fit the disk.

    Args:
        ratio: the new rate divided by that of the clips.
    """
    needed = sum(clip.size for clip in clips if not clip.target.is_file()) * 2 * ratio  # 16 bits become 32
    free = shutil.disk_usage(clips[0].path.parent).free
    if needed > free:
        raise OSError(
            f"{subject} needs up to {needed / 1e6:.1f} MB, but {free / 1e6:.1f} MB are free; "
            "`ablate run` resamples what it needs by itself"
        )


def _resampled(clips: Sequence[_Clip], source_rate: int, rate: int, workers: int) -> Iterator[int]:
    """Resample clips that are not done yet; yield the size of each clip in bytes."""

    def make(clip: _Clip) -> int:
        if not clip.target.is_file():
            sound = resample(read_clip(clip.path, source_rate), source_rate, rate)
            write_atomically(clip.target, lambda out: wavfile.write(out, rate, sound))
        return clip.size

    with contextlib.ExitStack() as stack:
        pool = ThreadPoolExecutor(workers)
        stack.callback(pool.shutdown, cancel_futures=True)
        for future in as_completed([pool.submit(make, clip) for clip in clips]):
            yield future.result()
