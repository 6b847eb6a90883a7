"""Parts with time limits: what is cut, crashes, is missing or has ended, and what each leaves behind."""

import importlib.metadata
import json
import os
import time
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from ablations.benchmarks.gpu import files, runner
from ablations.benchmarks.gpu.files import CRASHED, CUT, DONE, RUNNING, PartFile, StepFile
from ablations.benchmarks.gpu.one import Request, run
from ablations.benchmarks.gpu.parts import Part, Step, named
from ablations.benchmarks.gpu.runner import Plan
from ablations.benchmarks.record import Record
from ablations.cli.benchmark import benchmark
from ablations.system import child
from ablations.system.machine import machine

FAKES = tuple(Part(name, name.title(), seconds, ()) for name, seconds in (("first", 10), ("second", 20), ("third", 5)))
HERE = __name__
VERSIONS = {"torch": importlib.metadata.version("torch")}


def measured(device, value=1):
    return Record("A value.", [{"value": value}], {"value": ""}, device=device)


def growing(device):
    for value in (1, 2):
        yield measured(device, value)
    raise RuntimeError("CUDA error:\nno more")


def slow(device):
    time.sleep(0.05)
    return measured(device)


def request_of(part, folder, **changes):
    return replace(Request(part, str(folder), "test", "cpu", 100.0, code="0"), **changes)


def ended(request, state=DONE, steps=()):
    """Write the file of a part as its process would."""
    made_on = {"device": machine("cpu"), "kind": "cpu", "versions": VERSIONS, "rehearsal": request.rehearsal}
    PartFile(request.part, request.command, state, steps=list(steps), **made_on).write(files.Path(request.folder))


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path / "gpu", "cpu", parts=FAKES)


def test_a_failing_step_leaves_the_others(tmp_path):
    steps = [Step(name, f"{HERE}:{name}") for name in ("measured", "growing", "absent")]
    file = run(
        Part("made", "Made", 10, (*steps, Step("last", f"{HERE}:measured", {"value": 7}))), request_of("made", tmp_path)
    )
    assert [step.failure for step in file.steps] == [
        "",
        "RuntimeError: CUDA error: no more",
        f"AttributeError: module '{HERE}' has no attribute 'absent'",
        "",
    ]
    assert file.steps[3].rows == [{"value": 7}]
    assert files.read(tmp_path, "made") == file
    assert file.state == DONE
    assert file.step("growing") is None
    assert not files.is_fresh(file, machine("cpu"), False)


def test_every_record_of_a_step_is_written_at_once(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(PartFile, "write", lambda file, folder: seen.append((file.state, [s.rows for s in file.steps])))
    run(Part("made", "Made", 10, (Step("growing", f"{HERE}:growing"),)), request_of("made", tmp_path))
    assert seen == [
        (RUNNING, [[]]),
        (RUNNING, [[{"value": 1}]]),
        (RUNNING, [[{"value": 2}]]),
        (RUNNING, [[]]),
        (DONE, [[]]),
    ]


def test_no_step_begins_when_the_time_is_over(tmp_path):
    steps = tuple(Step(name, f"{HERE}:slow") for name in ("one", "two", "three"))
    file = run(Part("made", "Made", 10, steps), request_of("made", tmp_path, seconds=0.04))
    assert [step.step for step in file.steps] == ["one"]
    assert file.reason == "no time for: two, three"


def test_parts_run_in_their_order_and_give_their_time_on(plan):
    given = []

    def start(request, seconds):
        given.append((request.part, round(seconds), round(request.seconds)))
        ended(request)

    assert [file.state for _, file in runner.run(plan, start)] == [DONE] * 3
    assert given == [("first", 10, 8), ("second", 30, 28), ("third", 35, 33)]
    assert "3 of 12 parts" not in (plan.folder.parent / "gpu.md").read_text()  # fakes are no parts of the page


def test_a_limit_for_all_cuts_the_last(plan):
    given = {}

    def start(request, seconds):
        given[request.part] = round(seconds)
        ended(request)
        if request.part == "second":
            time.sleep(0.2)

    list(runner.run(replace(plan, seconds=12.1), start))
    assert given == {"first": 10, "second": 12, "third": 12}
    found = [file.state for _, file in runner.run(replace(plan, seconds=1.0, again=True), start)]
    assert found == [CUT] * 3
    assert files.read(plan.folder, "first").reason == "no time was left"


def test_what_was_cut_or_crashed_keeps_its_steps_and_runs_again(plan):
    calls = []

    def start(request, seconds):
        calls.append(request.part)
        if request.part == "first":
            ended(request, RUNNING, [StepFile("a", 1.0, rows=[{"x": 1}])])
            raise child.Limit("it gave no answer in 10 s and was ended")
        if request.part == "second":
            raise ValueError("it was ended by SIGSEGV: Fatal")
        ended(request)

    states = {part.name: (file.state, file.reason, len(file.steps)) for part, file in runner.run(plan, start)}
    assert states == {
        "first": (CUT, "it gave no answer in 10 s and was ended", 1),
        "second": (CRASHED, "it was ended by SIGSEGV: Fatal", 0),
        "third": (DONE, "", 0),
    }
    assert [part.name for part, _ in runner.run(plan, start)] == ["first", "second"]
    assert calls == ["first", "second", "third", "first", "second"]
    list(runner.run(replace(plan, again=True), start))
    assert calls[5:] == ["first", "second", "third"]


@pytest.mark.parametrize(
    "change",
    [{"device": "Other GPU"}, {"versions": {"torch": "1.0"}}, {"rehearsal": True}, {"state": RUNNING}],
    ids=lambda change: next(iter(change)),
)
def test_a_file_of_something_else_is_not_fresh(tmp_path, change):
    ended(request_of("made", tmp_path))
    file = files.read(tmp_path, "made")
    assert files.is_fresh(file, machine("cpu"), False)
    assert not files.is_fresh(replace(file, **change), machine("cpu"), False)


def test_a_damaged_file_is_none(tmp_path):
    (tmp_path / "made.json").write_text('{"part": "made"')
    assert files.read(tmp_path, "made") is None
    (tmp_path / "made.json").write_text('{"part": "made", "steps": []}')
    assert files.read(tmp_path, "made") is None


def test_a_process_that_takes_too_long_is_cut(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    start = time.monotonic()
    with pytest.raises(child.Limit, match="gave no answer in 0.3 s"):
        runner.in_a_process(request_of("device", tmp_path), 0.3)
    assert time.monotonic() - start < 5


def test_the_command_rehearses_a_part_in_a_process_and_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    arguments = ["gpu", "--rehearse", "--device", "cpu", "--only", "device", "--out", str(tmp_path / "gpu")]
    result = CliRunner().invoke(benchmark, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "gpu" / "device.json").read_text())
    assert record["state"] == DONE
    assert [step["failure"] for step in record["steps"]] == [""] * len(named("device").steps)
    assert all(step["rows"] for step in record["steps"])
    page = (tmp_path / "gpu.md").read_text()
    assert "its numbers mean nothing" in page
    assert "### launches and waits" in page
    assert "device: done in" in result.output
    again = CliRunner().invoke(benchmark, arguments)
    assert "device: done" not in again.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_only_a_rehearsal_runs(tmp_path):
    result = CliRunner().invoke(benchmark, ["gpu", "--out", str(tmp_path / "gpu")])
    assert result.exit_code == 1
    assert "torch sees no CUDA device here" in result.output
    assert os.listdir(tmp_path) == []  # noqa: PTH208
