import itertools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import soundfile

from downstream.tasks.packaged import CLIPS_PER_SOUNDSCAPE, SOUNDSCAPES, demo_task
from downstream.tasks.task import Task


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


def test_the_genuine_task(root):
    task = Task.from_dir(demo_task("spoken_digit", root))
    assert (task.embedding_type, task.split_mode, len(task.splits)) == ("scene", "new_split_kfold", 5)
    assert sum(len(files) for files in task.items.values()) == 100
    assert task.labels == tuple("0123456789")


def test_the_soundscapes(root):
    folder = demo_task("digit_soundscapes", root)
    task = Task.from_dir(folder)
    assert {split: len(files) for split, files in task.items.items()} == SOUNDSCAPES
    for split, files in task.items.items():
        for file, events in files.items():
            sound, rate = soundfile.read(folder / "44100" / split / file)
            assert (len(sound), rate, sound.ndim) == (441000, 44100, 1)
            assert len(events) == CLIPS_PER_SOUNDSCAPE
            assert all(a.end < b.start for a, b in itertools.pairwise(events))
            assert events[0].start >= 0
            assert events[-1].end <= 10000
            assert all(0.1 <= (event.end - event.start) / 1000 <= 1 for event in events)


def test_events_are_louder_than_what_is_between_them_in_their_band(root):
    task = Task.from_dir(demo_task("digit_soundscapes", root))
    sound, rate = soundfile.read(task.folder / "44100" / "train" / "train0.wav")
    smooth = np.convolve(sound, np.hanning(45) / np.hanning(45).sum(), mode="same")  # about 2 kHz
    active = np.zeros(len(sound), bool)
    for event in task.items["train"]["train0.wav"]:
        active[int(event.start * rate / 1000) : int(event.end * rate / 1000)] = True
    assert np.mean(smooth[active] ** 2) > 1.3 * np.mean(smooth[~active] ** 2)


def test_they_are_the_same_every_time(root, tmp_path):
    for name in ("train.json", "44100/test/test1.wav"):
        first, again = (demo_task("digit_soundscapes", place) / name for place in (root, tmp_path))
        assert first.read_bytes() == again.read_bytes()


def test_nothing_is_left_behind(tmp_path):
    demo_task("digit_soundscapes", tmp_path)
    assert sorted(path.name for path in (tmp_path / "tasks" / "rule1").iterdir()) == [
        "digit_soundscapes",
        "spoken_digit",
    ]


def test_an_unknown_name(tmp_path):
    with pytest.raises(
        ValueError, match="unknown packaged task 'digits', expected one of spoken_digit, digit_soundscapes"
    ):
        demo_task("digits", tmp_path)


def test_two_processes_that_first_use_a_task_at_once(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        folders = list(pool.map(demo_task, ["spoken_digit"] * 4, [tmp_path] * 4))
    assert len(set(folders)) == 1
    assert len(Task.from_dir(folders[0]).splits) == 5


def test_what_a_killed_process_left_of_a_task_is_removed(tmp_path):
    left = tmp_path / "tasks" / "rule1" / ".spoken_digit.partial"
    (left / "half").mkdir(parents=True)
    folder = demo_task("spoken_digit", tmp_path)
    assert list(folder.parent.iterdir()) == [folder]
