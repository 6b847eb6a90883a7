"""Made-up tasks, stages and memory of a run."""

import dataclasses
import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ablations.system import memory
from downstream.tasks.task import Task
from passt.windows.mel import MelSpectrogram
from tests.campaigns import big, big_tasks, stages

RECORDS = Path(__file__).parents[2] / "results" / "benchmarks"


@pytest.mark.parametrize("kind", ["scenes", "events"])
def test_a_made_up_task_is_a_task_and_the_same_for_a_seed(tmp_path, kind):
    size = dataclasses.replace(big_tasks.SIZES[kind], clips=12, seconds=1.0, labels=5)
    folder = big_tasks.make(size, tmp_path / "a", max_epochs=3)
    task = Task.from_dir(folder)
    assert task.is_event == (kind == "events")
    assert sum(map(len, task.items.values())) == 12
    assert task.evaluation_params["task_specific_param_grid"] == {"max_epochs": [3]}
    again = big_tasks.make(size, tmp_path / "b", max_epochs=3)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert big_tasks.make(size, tmp_path / "c", seed=1).name != folder.name
    before = (folder / "labelvocabulary.csv").stat().st_mtime_ns
    assert big_tasks.make(size, tmp_path / "a", max_epochs=3) == folder
    assert (folder / "labelvocabulary.csv").stat().st_mtime_ns == before


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    sizes = {"clips": 20, "max_epochs": 3, "protocol": "hear2021+grid1"}
    model = {"checkpoint": "passt_demo", "weights": "untrained-0", "levels": [["block1"]]}
    return big.measure("scenes", tmp_path_factory.mktemp("big"), **sizes, model=model)


def test_a_run_is_split_into_stages(measured):
    facts = measured.facts
    seconds = facts["stage_seconds"]
    assert set(seconds) == set(stages.STAGES)
    assert all(value > 0 for value in seconds.values())
    assert seconds["probes"] < facts["seconds"]
    assert facts["clips"] == facts["rows_of_a_tap"] == 20
    assert facts["peak_anonymous_mb"] > facts["before_mb"] > 10
    assert "anonymous memory at its highest" in measured.to_markdown()
    committed = json.loads((RECORDS / "big_scenes.json").read_text())
    assert measured.to_json("x").keys() == committed.keys()


def test_timers_are_gone_afterwards(measured):
    assert not hasattr(os.fsync, "__wrapped__")
    assert not hasattr(MelSpectrogram.forward, "__wrapped__")


def test_a_stage_within_another_is_its_own():
    with stages.timed() as clock:
        outer = clock.wrapped("network", lambda: (time.sleep(0.02), clock.wrapped("mel", time.sleep)(0.05)))
        seen = []
        inner = clock.wrapped("reading", lambda: seen.append(clock.running()))
        threads = [threading.Thread(target=outer), threading.Thread(target=inner)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert clock.seconds["mel"] >= 0.05
    assert 0.02 <= clock.seconds["network"] < clock.seconds["mel"] + 0.02
    assert "reading" in seen[0]
    assert clock.running() == ()


def _holds(ready, over) -> None:
    held = np.ones(64 << 20, np.uint8)
    ready.set()
    over.wait(60)
    assert held[0] == 1


def test_memory_is_summed_over_processes():
    context = multiprocessing.get_context("fork")
    ready, over = context.Event(), context.Event()
    alone = memory.anonymous([os.getpid()])
    child = context.Process(target=_holds, args=(ready, over))
    with memory.watched(lambda: ("holding",), every_s=0.01) as peak:
        child.start()
        assert ready.wait(60)
        assert child.pid in memory.tree(os.getpid())
        time.sleep(0.05)
        over.set()
        child.join()
    assert peak.bytes > alone + (60 << 20)
    assert peak.processes >= 2
    assert peak.during == ("holding",)


def test_a_limit_that_is_passed_ends_with_1(tmp_path, monkeypatch, measured):
    # This process has run other tests before: what it holds by now is not the measurement's.
    small = dataclasses.replace(measured, facts={**measured.facts, "peak_anonymous_mb": 500.0})
    monkeypatch.setattr(big, "measure", lambda *args, **options: small)
    arguments = ["scenes", "--clips", "20", "--out", str(tmp_path / "o.json")]
    good = CliRunner().invoke(big.main, arguments)
    assert good.exit_code == 0, good.output
    assert json.loads((tmp_path / "o.json").read_text())["command"] == "python -m tests.campaigns.big scenes --clips 20"
    bad = CliRunner().invoke(big.main, [*arguments, "--limit-gb", "0.01"])
    assert bad.exit_code == 1
    assert "MB of anonymous memory, expected at most 0.01 GB" in bad.stderr


@pytest.mark.parametrize(
    ("options", "message"), [({"clips": 2}, "expected 3 clips of 1 s at least"), ({}, "begins with nothing")]
)
def test_wrong_sizes_and_places(tmp_path, options, message):
    if not options:
        (tmp_path / "store").mkdir()
    with pytest.raises(ValueError, match=message):
        big.measure("scenes", tmp_path, **options)


@pytest.mark.parametrize(
    "place", [place for table in (stages.STAGES, stages.SUMS) for names in table.values() for place in names]
)
def test_every_function_that_is_timed_is_there(place):
    _, _, function = stages._place(place)
    assert callable(function)
