from collections import Counter

import pytest

from downstream.evaluate import Evaluation
from downstream.tasks.limited import limited
from downstream.tasks.task import Task
from tests.conftest import write_task


def labelled(tmp_path, labels_by_file, **changes):
    meta = {
        "embedding_type": "scene",
        "prediction_type": "multilabel",
        "split_mode": "trainvaltest",
        "evaluation": ["mAP"],
        "splits": ["train", "valid", "test"],
        **changes,
    }
    items = dict.fromkeys(meta["splits"], labels_by_file)
    labels = sorted({label for labels in labels_by_file.values() for label in labels})
    return Task.from_dir(write_task(tmp_path / "made", meta, labels, items))


def test_labels_have_turns(tmp_path):
    files = {f"{i}.wav": ["rare" if i < 2 else "odd" if i < 10 else "often"] for i in range(200)}
    for split in limited(labelled(tmp_path, files), 9).items.values():
        assert Counter(labels[0] for labels in split.values()) == {"rare": 2, "odd": 4, "often": 3}


def test_the_same_clips_every_time_in_the_order_of_the_task(tmp_path):
    task = labelled(tmp_path, {f"{i}.wav": ["ab"[i % 2]] for i in range(50)})
    few, more = limited(task, 5), limited(task, 8)
    assert few == limited(task, 5)
    assert set(few.items["train"]) < set(more.items["train"])
    assert list(few.items["train"]) == [file for file in task.items["train"] if file in few.items["train"]]
    assert list(few.items["train"]) != list(task.items["train"])[:5]


def test_clips_of_several_labels_and_of_none(tmp_path):
    files = {f"{i}.wav": [["a", "b"], ["b"], [], ["c"]][i % 4] for i in range(40)}
    chosen = limited(labelled(tmp_path, files), 4).items["train"]
    assert len(chosen) == 4
    assert {label for labels in chosen.values() for label in labels} == {"a", "b", "c"}


def test_events_and_groups(event_task):
    task = Task.from_dir(event_task())
    few = limited(task, 1)
    assert {split: len(files) for split, files in few.items.items()} == dict.fromkeys(task.splits, 1)
    assert few.labels == task.labels


def test_all_clips_where_there_are_no_more(tmp_path):
    task = labelled(tmp_path, {"0.wav": ["a"], "1.wav": ["b"]})
    assert limited(task, 2) == limited(task, None) == task


def test_a_protocol_with_a_limit_refuses_a_whole_task(scene_task):
    task = Task.from_dir(scene_task())
    with pytest.raises(ValueError, match="train has 6 clips, and the protocol uses 2"):
        Evaluation(task, {}, "hear2021+limit2")
