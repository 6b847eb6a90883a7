"""The groups of a task's clips."""

import json

import pytest

from ablations.units.job import fingerprints
from downstream.tasks.groups import GROUPS, groups_of
from downstream.tasks.task import Task


def write(folder, groups) -> None:
    (folder / GROUPS).write_text(json.dumps(groups))


def test_a_task_without_groups_has_none(scene_task):
    task = Task.from_dir(scene_task())
    assert task.groups == {}
    assert groups_of(task.groups, "test", ["test0.wav"]) == [""]


def test_groups_are_read_and_leave_the_fingerprint_as_it_was(scene_task):
    folder = scene_task()
    before = fingerprints(Task.from_dir(folder), {})
    write(folder, {"test": {"test0.wav": "anna", "test2.wav": "ben"}})
    task = Task.from_dir(folder)
    assert groups_of(task.groups, "test", ["test2.wav", "test1.wav", "test0.wav"]) == ["ben", "", "anna"]
    assert fingerprints(task, {}) == before


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], "expected a JSON object"),
        ({"tset": {}}, "split must be one of train, valid, test, got 'tset'"),
        ({"test": ["anna"]}, r"test: expected an object that maps files to groups, got \['anna'\]"),
        ({"test": {"9.wav": "anna"}}, "test: 9.wav is not a file of test.json"),
        ({"test": {"test0.wav": 3}}, "test: test0.wav: group must be a name, got 3"),
    ],
)
def test_broken_groups_are_named(scene_task, groups, message):
    folder = scene_task()
    write(folder, groups)
    with pytest.raises(ValueError, match=message):
        Task.from_dir(folder)
