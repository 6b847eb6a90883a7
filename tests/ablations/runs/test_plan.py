"""The plan of a study, against what its run then does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.models import registry
from ablations.runs import plan_measure
from ablations.runs.plan import COLUMNS, duration, plan_study, to_text
from ablations.runs.run import run_study
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream import extract as extract_module
from downstream.store.extraction import Extraction
from tests.ablations.units.test_unit import study_of


class Counting:
    """An embedder of two levels that counts what goes through it."""

    name, sample_rate, fingerprint, own_hop_ms = "counting", 16000, "c" * 16, None

    def __init__(self):
        self.dims = {"mean": 3, "std": 2, "block1.tokens": 2}
        self.clips, self.passes, self.seconds = 0, 0, 0.0

    def scene(self, clips, taps):
        self.seen(clips, len(clips) * len({window for _, window in taps}))
        return {tap: torch.stack([clip[: self.width(tap)] for clip in clips]) for tap in taps}

    def tokens(self, tap):
        return {"block1.tokens": 3}.get(tap[0], 1)

    def width(self, tap):
        return self.dims[tap[0]] * self.tokens(tap)

    def timestamps(self, clips, taps, hop_ms):
        found = []
        for clip in clips:
            times = torch.arange(len(clip) // (16 * hop_ms) + 1) * float(hop_ms)
            self.seen([clip], len(times) * len({window for _, window in taps}))
            found.append(({tap: clip[: len(times) * self.width(tap)].view(len(times), -1) for tap in taps}, times))
        return found

    def seen(self, clips, passes):
        self.clips, self.passes = self.clips + len(clips), self.passes + passes
        self.seconds += sum(map(len, clips)) / self.sample_rate


@pytest.fixture
def counting(monkeypatch):
    """The embedder that every model is."""
    embedder = Counting()
    monkeypatch.setattr(registry, "build", lambda *_, **__: embedder)
    return embedder


MODELS = [
    {"checkpoint": "logmel", "levels": [["mean"], ["mean", "std"]], "windows_ms": [[160], [160, 320]]},
    {"checkpoint": "logmel", "timestamp_hop_ms": 200, "label": "slow"},
]


def places(tmp_path):
    return Where(tmp_path / "runs", tmp_path / "store"), Machine("cpu")


def test_a_plan_counts_what_a_run_then_does(tmp_path, scene_task, event_task, counting):
    declared = study_of([scene_task(), event_task()], MODELS, seeds=[0, 1], protocol="hear2021+grid2")
    plan = plan_study(declared, *places(tmp_path), measure=False)
    assert (counting.clips, list(plan)) == (0, list(COLUMNS))
    assert plan["done"].sum() == plan["stored"].sum() == 0
    assert "<td>all</td>" in plan._repr_html_()
    fits = []
    outcome = run_study(declared, *places(tmp_path), track=tracked(fits))
    assert outcome.failures == ()
    assert plan["jobs"].sum() == len(list((outcome.folder / "jobs").glob("*.json")))
    assert plan["clips"].sum() == counting.clips
    assert plan["passes"].sum() == counting.passes
    assert plan["hours"].sum() == pytest.approx(counting.seconds / 3600)
    assert plan["fits"].sum() == sum(fits) > 0
    written = sum(np.load(file).nbytes for file in (tmp_path / "store").rglob("*@*.npy"))
    assert plan["disk_mb"].sum() == pytest.approx(written / 1e6)
    after = plan_study(declared, *places(tmp_path))
    assert after[["clips", "hours", "passes", "fits", "disk_mb", "extraction_s", "probes_s"]].to_numpy().sum() == 0
    assert (after["done"] == after["jobs"]).all()
    assert (after["stored"] == after["taps"]).all()


def tracked(fits):
    """A `Track` that notes the totals of probes."""
    from downstream.progress import silent

    def track(description, total):
        if "probes on" in description:
            fits.append(total)
        return silent(description, total)

    return track


def test_a_plan_counts_the_bytes_of_tokens(tmp_path, scene_task, event_task, counting):
    model = {"checkpoint": "passt_demo", "levels": [["block1.tokens"]], "weights": "untrained-0"}
    declared = study_of([scene_task(), event_task()], [model], protocol="hear2021+grid1")
    plan = plan_study(declared, *places(tmp_path), measure=False)
    run_study(declared, *places(tmp_path))
    taps = [np.load(file) for file in (tmp_path / "store").rglob("block1.tokens@*.npy")]
    assert {rows.shape[1] * rows.itemsize for rows in taps} == {3 * 2 * 2}  # tokens x width x bytes
    assert plan["disk_mb"].sum() == pytest.approx(sum(rows.nbytes for rows in taps) / 1e6)


def test_an_extraction_that_was_begun_counts_for_what_remains(tmp_path, scene_task, counting, monkeypatch):
    declared = study_of([scene_task()], MODELS[1:], protocol="hear2021+grid1")
    monkeypatch.setattr(extract_module, "BATCH_CLIPS", 2)
    append, calls = Extraction.append, []

    def disturbed(self, *values):
        append(self, *values)
        calls.append(self)
        if len(calls) == 2:
            raise RuntimeError("disturbed")

    with monkeypatch.context() as patch:
        patch.setattr(Extraction, "append", disturbed)
        assert run_study(declared, *places(tmp_path)).failures
    before = counting.clips, counting.passes
    plan = plan_study(declared, *places(tmp_path), measure=False)
    assert plan["clips"].sum() == 2 + 6 + 6
    run_study(declared, *places(tmp_path))
    assert (plan["clips"].sum(), plan["passes"].sum()) == (counting.clips - before[0], counting.passes - before[1])


def test_what_is_absent_is_named_and_the_rest_is_planned(tmp_path, scene_task, monkeypatch):
    monkeypatch.setattr(plan_measure, "EPOCHS", (1, 2))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    broken = scene_task("broken")
    (broken / "16000/test/test0.wav").unlink()
    variants = [{"checkpoint": "logmel"}, {"checkpoint": "stfthop160"}]
    tasks = [str(scene_task()), "absent", str(broken)]
    file.write_text(yaml.safe_dump({"name": "mine", "models": variants, "tasks": tasks, "protocol": "hear2021+grid1"}))
    command = ["plan", str(file), "--runs", "runs", "--store", str(tmp_path / "store"), "--device", "cpu"]
    result = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "plan.csv")])
    assert result.exit_code == 1
    problems = [line for line in result.stdout.splitlines() if line.startswith("Problem: ")]
    assert len(problems) == 4, result.stdout
    assert sum("no published weights at" in line for line in problems) == 2
    assert any("Problem: absent: task 'absent' is absent: no folder" in line for line in problems)
    assert any("test0.wav is listed in test.json but absent" in line for line in problems)
    assert "1 jobs, 0 done; 1 fits; 18 clips of 0.00 h to embed in 18 passes;" in result.stdout
    found = pd.read_csv(tmp_path / "plan.csv")
    planned = found[found["problem"].isna()]
    assert (planned[["extraction_s", "probes_s", "memory_mb"]] > 0).all(axis=None)
    assert not Path("runs").exists()


def test_counts_alone_have_no_estimate(tmp_path, scene_task, counting):
    plan = plan_study(study_of([scene_task()], MODELS[1:]), *places(tmp_path), measure=False)
    assert plan[["extraction_s", "probes_s", "memory_mb"]].isna().all(axis=None)
    assert "About" not in to_text(plan, tmp_path / "store")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (90, "1.5 min"), (7200, "2.0 h"), (2e5, "2.3 days")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
