import shutil
import time

import numpy as np
import pytest
import soundfile
import torch

from downstream.tasks import rates
from downstream.tasks.audio import SplitAudio
from downstream.tasks.rates import add_rate
from downstream.tasks.task import Task
from tests.conftest import RATE
from tests.task_archives import content


@pytest.fixture
def task(scene_task):
    return Task.from_dir(scene_task(clips=3))


def test_clips_are_what_a_run_resamples_to(task, tmp_path):
    before = {
        (split, file): SplitAudio.of(task, split, 8000, tmp_path / "cache").load(file)
        for split in task.splits
        for file in task.items[split]
    }
    assert add_rate(task, 8000) == task.folder / "8000"
    for (split, file), clip in before.items():
        audio = SplitAudio.of(task, split, 8000, tmp_path / "cache")
        assert audio.source_rate == 8000
        assert torch.equal(audio.load(file), clip)
        assert soundfile.info(task.folder / "8000" / split / file).subtype == "FLOAT"
    assert len(before) == 9


def test_the_highest_rate_is_the_source_and_bytes_depend_on_nothing_else(task):
    add_rate(task, 8000, workers=1)
    first = content(task.folder / "8000")
    shutil.rmtree(task.folder / "8000")
    add_rate(task, 12000, workers=4)
    time.sleep(1.1)  # libsndfile would write the time into the files
    add_rate(task, 8000, workers=4)
    assert content(task.folder / "8000") == first


def test_a_stopped_call_is_gone_on_with(task, monkeypatch):
    add_rate(task, 8000)
    whole = content(task.folder / "8000")
    shutil.rmtree(task.folder / "8000")
    calls, stopped = [], True

    def some(clip, *args):
        calls.append(clip)
        if stopped and len(calls) > 4:
            raise KeyboardInterrupt
        return resample(clip, *args)

    resample = rates.resample
    monkeypatch.setattr(rates, "resample", some)
    with pytest.raises(KeyboardInterrupt):
        add_rate(task, 8000, workers=1)
    assert not (task.folder / "8000").exists()
    partial = task.folder / ".8000.partial"
    (partial / "train" / ".left.wav.tmp").write_bytes(b"half a cl")  # as after kill -9
    kept = {path: path.stat().st_mtime_ns for path in partial.rglob("*.wav")}
    assert len(kept) == 4
    calls, stopped = [], False
    add_rate(task, 8000, workers=1)
    assert content(task.folder / "8000") == whole
    assert len(calls) == 5
    assert not partial.exists()


def test_a_rate_that_is_there_is_left_alone(task):
    before = content(task.folder)
    assert add_rate(task, RATE) == task.folder / str(RATE)
    assert content(task.folder) == before


@pytest.mark.parametrize("rate", [0, -8000, 999, RATE + 1, 10**9])
def test_a_rate_out_of_range_is_refused(task, rate):
    with pytest.raises(ValueError, match=f"rate must be in 1000 to {RATE} Hz, its highest, got {rate}"):
        add_rate(task, rate)
    assert [path.name for path in task.folder.iterdir() if path.is_dir()] == [str(RATE)]


def test_a_clip_that_cannot_be_read_is_named_and_the_rate_absent(task):
    broken = task.folder / str(RATE) / "valid" / "valid1.wav"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(ValueError, match="valid1.wav: cut short"):
        add_rate(task, 8000, workers=2)
    assert not (task.folder / "8000").exists()


def test_other_formats_are_left_to_a_run(task):
    split = task.splits[0]
    odd = task.__class__(**{**vars(task), "items": {**task.items, split: {"a.ogg": ("low",)}}})
    soundfile.write(task.folder / str(RATE) / split / "a.ogg", np.zeros(800), RATE)
    with pytest.raises(ValueError, match="a.ogg: only .wav files are resampled to files; a run resamples any"):
        add_rate(odd, 8000)


def test_a_disk_that_is_too_small_is_said_first(task, monkeypatch):
    monkeypatch.setattr(rates.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100}))
    with pytest.raises(OSError, match=r"8000 Hz needs up to 0.1 MB, but 0.0 MB are free; `ablate run` resamples"):
        add_rate(task, 8000)
    assert not (task.folder / ".8000.partial").exists()
