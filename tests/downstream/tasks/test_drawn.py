import itertools
import logging
import math

import pytest

from downstream.notices import warn_once
from downstream.tasks.drawn import drawn
from downstream.tasks.task import Event, Task


def task(kind: str = "multiclass", clips: int = 60, embedding_type: str = "scene") -> Task:
    labels = ("a", "b", "c")
    if embedding_type == "event":
        items = {f"{i}.wav": (Event(labels[i % 3], 0.0, 1.0),) for i in range(clips)}
    elif kind == "multilabel":
        items = {f"{i}.wav": tuple(label for bit, label in enumerate(labels) if (i >> bit) & 1) for i in range(clips)}
    else:
        items = {f"{i}.wav": (labels[0 if i % 6 else 1],) for i in range(clips)}
    return Task("t", None, embedding_type, kind, "trainvaltest", ("train",), labels, (), {"train": items})


def count(task: Task, files: set[str], label: str) -> int:
    return sum(label in task.items["train"][file] for file in files)


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_larger_draws_contain_the_smaller_ones(kind):
    made = task(kind)
    shots = [drawn(made, ["train"], 0, fewshot=n)["train"] for n in (1, 2, 4, 8)]
    shares = [drawn(made, ["train"], 0, fraction=f)["train"] for f in (0.05, 0.1, 0.3, 0.9)]
    for draws in (shots, shares):
        assert all(small < large for small, large in itertools.pairwise(draws))


def test_every_label_gets_its_shots():
    made = task()
    files = drawn(made, ["train"], 3, fewshot=4)["train"]
    assert [count(made, files, label) for label in "abc"] == [4, 4, 0]
    several = task("multilabel")
    files = drawn(several, ["train"], 3, fewshot=4)["train"]
    assert all(count(several, files, label) >= 4 for label in "abc")
    assert any(not several.items["train"][file] for file in files), "clips without a label are drawn, too"
    events = drawn(task("multilabel", embedding_type="event"), ["train"], 3, fewshot=4)["train"]
    assert len(events) == 12


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_a_fraction_keeps_the_balance_of_labels(fraction):
    made = task()
    files = drawn(made, ["train"], 0, fraction=fraction)["train"]
    assert count(made, files, "a") == math.ceil(50 * fraction)
    assert count(made, files, "b") == math.ceil(10 * fraction)
    several = task("multilabel")
    assert len(drawn(several, ["train"], 0, fraction=fraction)["train"]) == math.ceil(60 * fraction)


def test_seeds_draw_other_clips_the_same_for_all():
    made = task()
    first, again, other = (drawn(made, ["train"], seed, fewshot=5)["train"] for seed in (0, 0, 1))
    assert first == again != other


def test_a_label_with_fewer_clips_gives_all(caplog):
    warn_once.cache_clear()
    made = task()
    with caplog.at_level(logging.WARNING):
        files = drawn(made, ["train"], 0, fewshot=20)["train"]
    assert count(made, files, "b") == 10
    assert "t: fewer than 20 training clips of b (10): all of them are used" in caplog.text
