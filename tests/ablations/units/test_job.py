"""Keys of jobs: what makes them anew."""

import json
from types import SimpleNamespace

import pytest

from ablations.units.job import Job, needs_slack
from downstream.pooling.pooling import OF_LEVELS, OF_TOKENS, Pooling
from downstream.tasks.task import Task
from passt.catalog import poolings

END = 32.3 * 1000  # 32299.999999999996: labels the timestamp at 32300 ms


def with_end(folder, end: float) -> Task:
    """The task with one event that ends so; the others end at whole milliseconds."""
    for split in ("train", "valid", "test"):
        path = folder / f"{split}.json"
        found = json.loads(path.read_text())
        for event in (event for events in found.values() for event in events):
            event["end"] = round(event["end"])
        next(iter(found.values()))[0]["end"] = end
        path.write_text(json.dumps(found))
    return Task.from_dir(folder)


def key_of(task: Task, hop_ms: int | None, pooling: Pooling | None = None) -> str:
    embedder = SimpleNamespace(fingerprint="0123456789abcdef")
    named = SimpleNamespace(task=task, key="beeps")
    taps = (("features", 160),)
    return Job(embedder, taps, hop_ms, named, "task", "audio", "hear2021", 0, needs_slack(task, hop_ms), pooling).key


@pytest.mark.parametrize(
    ("end", "hop_ms", "differs"),
    [(END, 50, True), (END, 100, True), (END, 7, False), (END, 0, True), (32300.0, 50, False), (32299.9, 50, False)],
)
def test_labels_that_rest_on_the_slack_behind_ends_make_another_key(event_task, end, hop_ms, differs):
    task = with_end(event_task(), end)
    assert needs_slack(task, hop_ms) == differs
    plain = with_end(task.folder, 5000.0)
    assert (key_of(task, hop_ms) != key_of(plain, hop_ms)) == differs


def test_keys_of_jobs_of_before_are_what_they_were(event_task, scene_task):
    assert key_of(with_end(event_task(), 5000.0), 50) == "b1acb3b43466c07b"
    assert key_of(Task.from_dir(scene_task()), None) == "6b3b8e3cc820a128"


def test_a_pooling_makes_another_key(event_task):
    task = with_end(event_task(), 5000.0)
    poolings = [None, *(Pooling(name, parts) for name in (*OF_LEVELS, *OF_TOKENS) for parts in (2, 3))]
    assert len({key_of(task, 50, pooling) for pooling in poolings}) == len(poolings)


def test_specs_and_probes_have_the_same_poolings():
    assert (poolings.OF_LEVELS, poolings.OF_TOKENS) == (OF_LEVELS, OF_TOKENS)
