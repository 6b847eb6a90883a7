"""Scores sent to an experiment tracker: what is sent, and that no tracker stops a run."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs.many import run_studies
from ablations.runs.tracking import TRACKERS, Tracker, means
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from results.rows.rows import read_rows


class Fake(SimpleNamespace):
    """A tracker's package that notes every call."""

    def __init__(self, name: str) -> None:
        super().__init__(__name__=name, calls=[], fails=())

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **options):
            self.calls.append((name, args, options))
            if name in self.fails:
                raise RuntimeError(f"{name}\nis down")

        return call

    def named(self, name):
        return [(args, options) for called, args, options in self.calls if called == name]


@pytest.fixture
def installed(monkeypatch):
    """Call with names: these trackers alone are installed; returns the fakes."""

    def install(*names):
        for name in TRACKERS:
            monkeypatch.setitem(sys.modules, name, Fake(name) if name in names else None)
        return [sys.modules[name] for name in names]

    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return install


@pytest.fixture
def run(tmp_path, scene_task):
    """Call with options: runs two log-mel models on a small task."""
    models = [{"checkpoint": "logmel", "windows_ms": [[160], [320]]}]
    study = tmp_path / "mine.yaml"
    declared = {"name": "mine", "models": models, "tasks": [str(scene_task())], "seeds": [0, 1], "protocol": "knn"}
    study.write_text(yaml.safe_dump(declared))

    def invoke(*options):
        """By the command line."""
        places = ["--runs", tmp_path / "runs", "--store", tmp_path / "store", "--device", "cpu"]
        return CliRunner().invoke(main, ["run", *map(str, [study, *places, *options])])

    return invoke


@pytest.fixture
def run_with(tmp_path, run):
    """Call with the name of a tracker: runs the same, without a table and a figure."""

    def go(name):
        where = Where(tmp_path / "runs", tmp_path / "store")
        study = Study.load(tmp_path / "mine.yaml")
        (ended,) = run_studies([study], where, Machine("cpu"), tracker=Tracker.of(name))
        return ended

    return go


@pytest.mark.parametrize(("name", "begin"), [("wandb", "init"), ("trackio", "init"), ("mlflow", "start_run")])
def test_settings_scores_and_progress_are_sent(installed, run, run_with, tmp_path, name, begin):
    (fake,) = installed(name)
    if name == "mlflow":
        assert run("--track", "any").exit_code == 0
    else:
        assert not run_with(name).error
    rows = read_rows(tmp_path / "runs" / "mine")
    order = [called for called, _, _ in fake.calls]
    if name == "mlflow":
        assert order[:3] == ["set_experiment", "start_run", "log_params"]
        assert fake.named(begin) == [((), {"run_name": "mine"})]
        settings, sent = fake.named("log_params")[0][0][0], fake.named("log_metrics")
        assert [options["step"] for _, options in sent] == [1, 2, 3, 4]
        assert fake.calls[-1] == ("end_run", ("FINISHED",), {})
    else:
        ((_, options),) = fake.named(begin)
        assert (options["project"], options["name"]) == ("embedding-ablations", "mine")
        settings, sent = options["config"], fake.named("log")
        assert fake.calls[-1] == ("finish", (), {})
    assert settings["models"] == "logmel 160 ms, logmel 320 ms"
    assert (settings["protocol"], settings["seeds"], settings["precision"]) == ("knn", "0, 1", "fp32")
    values = [args[0] for args, _ in sent]
    assert [value["progress"] for value in values] == [0.25, 0.5, 0.75, 1.0]
    metrics = {key: score for value in values for key, score in value.items() if key != "progress"}
    assert metrics == {
        f"tones/{row.model}/seed{row.seed}/{row.metric}": row.score
        for row in rows.itertuples()
        if row.score == row.score
    }
    assert len(metrics) >= 4


def test_the_first_that_is_installed_is_taken(installed):
    installed("mlflow", "wandb")
    assert Tracker.of("any").module.__name__ == "mlflow"
    assert Tracker.of("wandb").module.__name__ == "wandb"


def test_a_tracker_that_is_not_there_is_named_in_one_line_before_anything_runs(installed, run, tmp_path, monkeypatch):
    installed()
    assert run("--track", "any").output == (
        "Error: --track any: not installed; pip install one of trackio, mlflow, wandb\n"
    )
    assert run("--track", "wandb").output == "Error: --track wandb: not installed; pip install wandb\n"
    assert "unknown tracker 'mlfow' (did you mean 'mlflow'?)" in run("--track", "mlfow").output
    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))  # a folder called so, as Python imports it
    assert run("--track", "wandb").output == "Error: --track wandb: not installed; pip install wandb\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("name", "fails", "calls"),
    [("wandb", "init", 1), ("wandb", "log", 2), ("mlflow", "set_experiment", 1), ("trackio", "finish", 6)],
)
def test_a_tracker_that_fails_warns_once_and_the_run_goes_on(installed, run_with, tmp_path, caplog, name, fails, calls):
    (fake,) = installed(name)
    fake.fails = (fails,)
    assert not run_with(name).outcome.failures
    assert len(read_rows(tmp_path / "runs" / "mine").query("primary")) == 4
    warnings = [record.getMessage() for record in caplog.records if "--track" in record.getMessage()]
    assert warnings == [f"--track {name} failed, the run goes on without it: {fails} is down"]
    assert len(fake.calls) == calls, "nothing is sent after a failure"


def test_a_run_that_ends_in_an_error_is_not_called_complete(installed):
    for name, end in (("mlflow", ("FAILED",)), ("wandb", ()), ("trackio", ())):
        (fake,) = installed(name)
        with pytest.raises(KeyboardInterrupt), Tracker.of(name).run("mine", {}):
            raise KeyboardInterrupt
        _, args, options = fake.calls[-1]
        assert args == end
        assert options == ({"exit_code": 1} if name == "wandb" else {})


def test_names_are_such_as_trackers_take_and_undefined_scores_are_left_out():
    row = {"task": "digits+snr10", "model": "hf:a/b [x]", "seed": 3, "metric": "top1_acc", "score": 0.25}
    rows = [row, {**row, "score": 0.75}, {**row, "metric": "mAP", "score": float("nan")}, {**row, "score": None}]
    assert means(rows) == {"digits_snr10/hf_a_b _x_/seed3/top1_acc": 0.5}


def test_long_settings_are_cut(installed):
    (fake,) = installed("mlflow")
    with Tracker.of("mlflow").run("mine", {"models": "m" * 9000, "seed": 0}):
        pass
    sent = fake.named("log_params")[0][0][0]
    assert sent == {"models": "m" * 500, "seed": "0"}
