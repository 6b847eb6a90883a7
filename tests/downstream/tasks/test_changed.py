import logging

import numpy as np
import pytest
import torch

from downstream.disk.files import fingerprint
from downstream.notices import warn_once
from downstream.splits import item_order
from downstream.tasks.audio import RESAMPLER, SplitAudio
from downstream.tasks.changed import changed, names_in_folder
from downstream.tasks.conditions.condition import Conditions
from downstream.tasks.limited import limited
from downstream.tasks.task import Fold, Task
from tests.conftest import write_clip

FOLDS = {"split_mode": "presplit_kfold", "splits": ["fold00", "fold01", "fold02"]}


def under(folder, text: str) -> Task:
    return changed(Task.from_dir(folder), Conditions.parse(text))


def audio_of(task: Task, rate: int = 16000) -> dict[str, SplitAudio]:
    return {split: SplitAudio.of(task, split, rate, task.folder.parent / "store") for split in task.splits}


def test_test_clips_alone_are_changed(scene_task):
    clean, noisy = Task.from_dir(folder := scene_task()), under(folder, "+snr10")
    assert noisy.name == f"{clean.name}+snr10"
    assert noisy.place.name == noisy.name
    assert noisy.splits == ("train", "valid", "test+snr10")
    assert noisy.folds() == (Fold(("train",), "valid", "test+snr10", "test"),)
    assert noisy.folds()[0].name == clean.folds()[0].name == "test"
    sounds, others = audio_of(noisy), audio_of(clean)
    assert sounds["train"].key == others["train"].key
    assert sounds["valid"].key == others["valid"].key
    assert sounds["test+snr10"].key != others["test"].key
    file = others["test"].files[0]
    assert torch.equal(sounds["train"].load("train0.wav"), others["train"].load("train0.wav"))
    assert not torch.equal(sounds["test+snr10"].load(file), others["test"].load(file))


def test_a_split_that_trains_and_tests_is_there_twice(scene_task):
    clean, noisy = Task.from_dir(folder := scene_task(**FOLDS)), under(folder, "+snr10")
    assert noisy.splits == (*clean.splits, *(f"{split}+snr10" for split in clean.splits))
    for fold, of_clean in zip(noisy.folds(), clean.folds(), strict=True):
        assert (fold.train, fold.valid, fold.name) == (of_clean.train, of_clean.valid, of_clean.name)
        assert fold.test == f"{of_clean.test}+snr10"
    order = item_order(noisy)
    assert {split: order[split] for split in clean.splits} == item_order(clean)
    assert all(order[f"{split}+snr10"] == order[split] for split in clean.splits)


def test_all_clips_are_changed_behind_train(scene_task):
    clean, noisy = Task.from_dir(folder := scene_task()), under(folder, "+train+snr10")
    assert noisy.splits == clean.splits
    assert noisy.folds() == clean.folds()
    sounds = audio_of(noisy)
    assert all(sounds[split].key != of_clean.key for split, of_clean in audio_of(clean).items())
    tested = audio_of(under(folder, "+snr10"))["test+snr10"]
    assert tested.key == sounds["test"].key
    assert tested.split == "test"


def test_fingerprints_of_clean_sound_are_as_ever(scene_task):
    for audio in audio_of(Task.from_dir(scene_task()), 32000).values():
        assert audio.fingerprint == fingerprint([sorted(audio.hashes.items()), 16000, 32000, RESAMPLER])


def test_every_part_of_a_condition_is_in_the_fingerprint(scene_task):
    folder = scene_task()
    texts = ["", "+snr10", "+snr0", "+gain10", "+reverb0.5+snr10", "+snr10+reverb0.5"]
    keys = {
        SplitAudio.of(task, task.folds()[0].test, 16000, folder).key for text in texts if (task := under(folder, text))
    }
    assert len(keys) == len(texts)


def test_sound_is_changed_before_it_is_resampled(scene_task):
    """Models of two rates hear the same noise."""
    task = under(scene_task(), "+snr0")
    own, higher = (SplitAudio.of(task, "test+snr0", rate, task.folder) for rate in (16000, 32000))
    file = own.files[0]
    assert np.corrcoef(higher.load(file).numpy()[::2], own.load(file).numpy())[0, 1] > 0.99
    assert not list((task.folder / "audio").glob("*.npy"))  # changed clips are not cached


def test_a_gain_of_nothing_is_the_clean_sound(scene_task):
    folder = scene_task()
    clean, same = (SplitAudio.of(under(folder, text), f"test{text}", 16000, folder) for text in ("", "+gain0"))
    assert all(torch.equal(clean.load(file), same.load(file)) for file in clean.files)


def test_a_limit_takes_the_clips_of_the_clean_task(scene_task):
    folder = scene_task(**FOLDS)
    clean, noisy = limited(under(folder, ""), 2), limited(under(folder, "+snr10"), 2)
    assert all(noisy.items[f"{split}+snr10"] == noisy.items[split] == clean.items[split] for split in clean.splits)


def test_silent_clips_are_counted_and_said(scene_task, caplog):
    folder = scene_task()
    task = under(folder, "+snr10")
    for file in list(task.items["test+snr10"])[:2]:
        write_clip(folder / "16000/test" / file, np.zeros(4800))
    warn_once.cache_clear()
    audio = SplitAudio.of(task, "test+snr10", 16000, folder)
    silent = [file for file in audio.files if not audio.load(file).any()]
    with caplog.at_level(logging.WARNING):
        audio.log_changes()
    assert silent == list(audio.files)[:2]
    assert f"2 of {len(audio.files)} changed clips are silent" in caplog.text
    assert "+snr10/test: " in caplog.text


def test_a_band_must_take_something_away(scene_task):
    task = under(scene_task(), "+band8000")
    with pytest.raises(ValueError, match="condition band must be below 8000 Hz, half the highest rate .*, got 8000"):
        SplitAudio.of(task, "test+band8000", 16000, task.folder)


def test_names_of_an_embedding_folder(scene_task):
    assert names_in_folder(under(scene_task(), "+snr10")) == {"train": "train", "valid": "valid", "test+snr10": "test"}
    folds = scene_task(**FOLDS)
    assert names_in_folder(under(folds, "+train+snr10")) == {split: split for split in FOLDS["splits"]}
    with pytest.raises(ValueError, match="one embedding of a clip.*change all clips: .train.snr10"):
        names_in_folder(under(folds, "+snr10"))


def test_conditions_upon_conditions_are_refused(scene_task):
    with pytest.raises(ValueError, match="under conditions already"):
        changed(under(scene_task(), "+snr10"), Conditions.parse("+gain3"))
