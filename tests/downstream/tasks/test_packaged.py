import io
import itertools
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import soundfile

from downstream.tasks.packaged import DIGITS, DIGITS_PER_CLIP, RATE, SPEAKERS, demo_task, recordings
from downstream.tasks.task import Task

DATASET = Path(__file__).parents[4] / "shared" / "data" / "fsdd.zip"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


def sounds(task, split):
    return {file: soundfile.read(task.folder / str(RATE) / split / file)[0] for file in task.items[split]}


def test_the_scene_task(root):
    task = Task.from_dir(demo_task("digits", root))
    assert (task.embedding_type, task.labels, task.splits) == ("scene", DIGITS, SPEAKERS)
    for split in task.splits:
        assert Counter(label for labels in task.items[split].values() for label in labels) == dict.fromkeys(DIGITS, 5)
        assert Counter(task.groups[split].values()) == {f"{digit}_{split}": 5 for digit in DIGITS}


def test_no_fold_is_tested_on_a_speaker_that_it_learns_from(root):
    for name in ("digits", "digit_events"):
        folds = Task.from_dir(demo_task(name, root)).folds()
        assert [fold.test for fold in folds] == list(SPEAKERS)
        assert all(fold.test not in (*fold.train, fold.valid) and len(fold.train) == 4 for fold in folds)


def test_the_recordings_can_be_heard(root):
    task = Task.from_dir(demo_task("digits", root))
    loudest = [np.abs(sound).max() for split in task.splits for sound in sounds(task, split).values()]
    assert min(loudest) > 0.005
    assert np.median(loudest) > 0.1


def test_the_event_task(root):
    task = Task.from_dir(demo_task("digit_events", root))
    assert (task.is_event, task.labels, task.splits) == (True, DIGITS, SPEAKERS)
    assert task.selects_by_loss
    for split in task.splits:
        events = [event for of_clip in task.items[split].values() for event in of_clip]
        assert Counter(event.label for event in events) == dict.fromkeys(DIGITS, 5)
        for file, sound in sounds(task, split).items():
            of_clip = task.items[split][file]
            assert len(of_clip) == DIGITS_PER_CLIP
            assert of_clip[0].start > 0
            assert of_clip[-1].end < 1000 * len(sound) / RATE
            assert all(b.start - a.end >= 99 for a, b in itertools.pairwise(of_clip))


def test_every_recording_is_in_one_clip(root):
    task = Task.from_dir(demo_task("digit_events", root))
    lengths = [
        (split, event.label, round((event.end - event.start) * RATE / 1000))
        for split in task.splits
        for events in task.items[split].values()
        for event in events
    ]
    assert Counter(lengths) == Counter((one.speaker, one.digit, len(one.sound())) for one in recordings())


def test_speech_is_where_events_are(root):
    task = Task.from_dir(demo_task("digit_events", root))
    for file, sound in sounds(task, "theo").items():
        active = np.zeros(len(sound), bool)
        for event in task.items["theo"][file]:
            active[int(event.start * RATE / 1000) : int(event.end * RATE / 1000)] = True
        speech, noise = np.mean(sound[active] ** 2), np.mean(sound[~active] ** 2)
        assert speech > 100 * noise > 0


def test_they_are_the_same_every_time(root, tmp_path):
    for name in ("theo.json", f"{RATE}/theo/theo_3.flac"):
        first, again = (demo_task("digit_events", place) / name for place in (root, tmp_path))
        assert first.read_bytes() == again.read_bytes()


def test_the_recordings_are_those_of_the_dataset():
    if not DATASET.is_file():
        pytest.skip(f"{DATASET} is not here")
    with zipfile.ZipFile(DATASET) as archive:
        for one in recordings():
            name = f"recordings/{one.digit}_{one.speaker}_{one.take}.wav"
            published, rate = soundfile.read(io.BytesIO(archive.read(name)))
            assert (rate, int(one.take) < 5) == (RATE, True)
            np.testing.assert_array_equal(one.sound(), published)


def test_nothing_is_left_behind(tmp_path):
    folder = demo_task("digit_events", tmp_path)
    assert list(folder.parent.iterdir()) == [folder]


def test_an_unknown_name(tmp_path):
    with pytest.raises(ValueError, match="unknown packaged task 'digit' .did you mean 'digits'.*digits, digit_events"):
        demo_task("digit", tmp_path)


def test_two_processes_that_first_use_a_task_at_once(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        folders = list(pool.map(demo_task, ["digits"] * 4, [tmp_path] * 4))
    assert len(set(folders)) == 1
    assert len(Task.from_dir(folders[0]).splits) == 6


def test_what_a_killed_process_left_of_a_task_is_removed(tmp_path):
    left = tmp_path / "tasks" / "rule2" / ".digits.partial"
    (left / "half").mkdir(parents=True)
    folder = demo_task("digits", tmp_path)
    assert list(folder.parent.iterdir()) == [folder]
