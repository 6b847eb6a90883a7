"""Searches from end to end on small tasks: rows, resuming, pruning, processes, and test scores that decide nothing."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from optuna.pruners import BasePruner

from ablations.cli import main
from ablations.search import report
from ablations.search import run as run_module
from ablations.search.declared import Search
from ablations.search.run import search
from ablations.search.storage import VARIANT
from ablations.search.winner import looks, text
from ablations.system.compute import Machine
from ablations.units.where import Where
from results.rows.rows import COLUMNS, read_rows
from tests.ablations.search.made import SPACE, declared, tones
from tests.campaigns import samplers
from tests.conftest import run_environment

CPU = Machine("cpu")

SAME = ["state", "score", "label", "spec", "protocol"]


@pytest.fixture(autouse=True)
def _few_figures(request, monkeypatch):
    """Drawing takes longer than these searches."""
    if "front" not in request.node.name:
        monkeypatch.setattr(report, "save", lambda figure, stem: stem)


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Path:
    return tones(tmp_path_factory.mktemp("tasks") / "tones")


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict:
    """One store for all searches of these tests."""
    return {"store": tmp_path_factory.mktemp("store")}


@pytest.fixture(scope="module")
def ran(task, places, tmp_path_factory) -> tuple[pd.DataFrame, Path]:
    """The trials of a search, and its folder."""
    runs = tmp_path_factory.mktemp("runs")
    return search(Search.from_dict(declared(task)), Where(runs, **places), CPU), runs / "mine"


def test_every_trial_is_ordinary_rows(ran):
    trials, folder = ran
    assert trials["state"].tolist() == ["complete"] * 5
    rows = read_rows(folder)
    assert tuple(rows.columns) == COLUMNS
    assert set(rows["spec"]) == set(trials["spec"])
    assert set(rows["study"]) == {"mine"}
    assert rows["model"].nunique() == 5
    means = rows[rows["primary"]].groupby("spec")["validation_score"].mean()
    for trial in trials.itertuples():
        assert trial.score == pytest.approx(means[trial.spec], abs=1e-12)
    jobs = {path.stem for path in (folder / "jobs").glob("*.json")}
    assert jobs == set(rows["job"])


def test_nothing_is_run_again_and_more_trials_go_on(ran, task, places, monkeypatch):
    trials, folder = ran
    monkeypatch.setattr(run_module, "run_trial", lambda *args: pytest.fail("run again"))
    again = search(Search.from_dict(declared(task)), Where(folder.parent, **places), CPU)
    pd.testing.assert_frame_equal(again, trials)


def test_the_space_ends(ran, task, places, tmp_path):
    space = {**SPACE, "scene_window_ms": 200}
    trials = search(Search.from_dict(declared(task, space=space)), Where(tmp_path, **places), CPU)
    assert sorted(trials["levels"]) == [("mean",), ("mean", "std"), ("std",)]


def test_the_table_of_trials_has_no_test_scores(ran):
    trials, folder = ran
    tested = read_rows(folder).query("primary").groupby("spec")["score"].mean()
    assert not tested[trials["spec"]].reset_index(drop=True).equals(trials["score"])  # these do differ from validation
    for column in trials.select_dtypes("number"):
        if column != "score":
            assert not trials[column].isin(tested).any()
    assert list(pd.read_csv(folder / "trials.csv").columns) == list(trials.columns)


def test_other_test_labels_give_the_same_search(tmp_path, scene_task, places):
    found = []
    for name in ("a/tones", "b/tones"):
        folder = scene_task(name)
        if name.startswith("b"):
            turned = {file: ["low" if label == "high" else "high"] for file, (label,) in _labels(folder).items()}
            (folder / "test.json").write_text(json.dumps(turned))
        runs = tmp_path / f"runs-{name[0]}"
        found.append((search(Search.from_dict(declared(folder)), Where(runs, **places), CPU), read_rows(runs / "mine")))
    (first, rows), (second, turned_rows) = found
    pd.testing.assert_frame_equal(first[SAME], second[SAME])
    assert not rows["score"].equals(turned_rows["score"])


def _labels(folder: Path) -> dict:
    return json.loads((folder / "test.json").read_text())


def test_the_winners_test_scores_are_looked_at_once(ran, task, places, tmp_path):
    trials, folder = ran
    (noted,) = looks(folder)
    best = trials.sort_values("score", ascending=False, kind="stable").iloc[0]
    assert noted.spec == best["spec"]
    rows = read_rows(folder).query("primary and spec == @best.spec")
    assert noted.test == {"tones": {"top1_acc": pytest.approx(rows["score"].mean())}}
    assert "of the winner alone: tones top1_acc" in text(folder)
    wrong = replace(noted, trial=99, trials=3)  # another winner, before the search went on
    (folder / "winner.json").write_text(json.dumps({"looks": [asdict(wrong)]}))
    search(Search.from_dict(declared(task)), Where(folder.parent, **places), CPU)
    assert [look.trial for look in looks(folder)] == [99, noted.trial]
    assert "Test scores of other winners were looked at before: after 3 variants." in text(folder)
    (folder / "winner.json").write_text(json.dumps({"looks": [asdict(noted)]}))


def test_two_objectives_have_a_front(task, places, tmp_path):
    found = Search.from_dict(declared(task, objectives=["score", "width"], trials=6, sampler="nsga2"))
    trials = search(found, Where(tmp_path, **places), CPU)
    assert set(trials["width"]) == {128.0, 256.0}
    front = trials[trials["front"]]
    assert len(front)
    for trial in trials.itertuples():
        beaten = (trials["score"] > trial.score) & (trials["width"] <= trial.width)
        beaten |= (trials["score"] >= trial.score) & (trials["width"] < trial.width)
        assert trial.front == (not beaten.any())
    for name in ("front", "history"):
        assert (tmp_path / "mine" / f"{name}.png").is_file()


class AllBut(BasePruner):
    """Prunes every trial behind the first two, at its first fold."""

    def prune(self, study, trial) -> bool:
        return trial.number >= 2


def test_a_pruned_trial_ends_at_its_first_folds(task, places, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "pruner_of", lambda pruning: AllBut())
    monkeypatch.setattr("downstream.probes.finished.WORTH_S", 0.0)
    trials = search(Search.from_dict(declared(task, pruning=True)), Where(tmp_path, **places), CPU)
    assert trials["state"].tolist() == ["complete"] * 2 + ["pruned"] * 3
    assert trials["folds"].dropna().tolist() == [1, 1, 1]
    assert trials["score"].notna().all()
    assert len(list((tmp_path / "mine/jobs").glob("*.json"))) == 2
    assert not list((tmp_path / "mine/jobs").glob("*.fits"))
    assert set(read_rows(tmp_path / "mine")["spec"]) == set(trials["spec"][:2])


def test_a_variant_that_fails_leaves_the_others(task, places, tmp_path):
    space = [SPACE, {"checkpoint": "stfthop160", "scene_window_ms": {"low": 1000, "high": 2000}}]
    trials = search(
        Search.from_dict(declared(task, space=space, trials=8, sampler="random")), Where(tmp_path, **places), CPU
    )
    failed = trials[trials["state"] == "failed"]
    assert 0 < len(failed) < 8
    assert failed["reason"].str.contains("no published weights at").all()
    assert failed["score"].isna().all()


def test_where_everything_fails_it_ends(task, places, tmp_path):
    space = {"checkpoint": "stfthop160", "scene_window_ms": {"low": 1000, "high": 2000}}
    with pytest.raises(ValueError, match="the first 3 trials failed, the last because of: .*no published weights at"):
        search(Search.from_dict(declared(task, space=space)), Where(tmp_path, **places), CPU)


def test_a_killed_search_goes_on_as_if_nothing_had_been(ran, task, places, tmp_path):
    trials, folder = ran
    assert _process(task, places, tmp_path, 3).wait(300) == -signal.SIGKILL
    again = search(Search.from_dict(declared(task)), Where(tmp_path / "runs", **places), CPU)
    found = [each.sort_values("spec")[SAME].reset_index(drop=True) for each in (again, trials)]
    pd.testing.assert_frame_equal(*found)
    wanted = [name for name in COLUMNS if name not in ("seconds", "versions")]
    rows = [read_rows(each).sort_values(["spec", "fold"])[wanted] for each in (folder, tmp_path / "runs/mine")]
    pd.testing.assert_frame_equal(rows[0].reset_index(drop=True), rows[1].reset_index(drop=True))


def test_two_processes_share_a_storage(task, places, tmp_path):
    process, journal = _process(task, places, tmp_path, 0, trials=8), tmp_path / "runs/mine/journal.log"
    while process.poll() is None and not (journal.is_file() and VARIANT in journal.read_text()):
        time.sleep(0.05)
    trials = search(Search.from_dict(declared(task, trials=8)), Where(tmp_path / "runs", **places), CPU)
    assert process.wait(300) == 0
    again = search(Search.from_dict(declared(task, trials=8)), Where(tmp_path / "runs", **places), CPU)
    assert len(trials) == len(again) == 8
    assert again["state"].eq("complete").all()
    assert again["spec"].nunique() == 8
    assert set(read_rows(tmp_path / "runs/mine")["spec"]) == set(again["spec"])
    assert len(set(re.findall(r'"worker": ?"(\w+)"', journal.read_text()))) == 2
    assert len(looks(tmp_path / "runs/mine")) == 1


def _process(task: Path, places: dict, tmp_path: Path, count: int, **changes) -> subprocess.Popen:
    """`ablate search` in a process of its own, killed in the beginning of its trial of that number (from 1)."""
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(declared(task, **changes)))
    root = Path(__file__).parents[3]
    killing = [str(root / "tests/ablations/runs/killing.py"), "ablations.search.run:run_trial", str(count), "--"]
    script = [sys.executable, *killing, "search", str(file)]
    options = ["--runs", tmp_path / "runs", "--store", places["store"], "--device", "cpu"]
    environment = {**run_environment(tmp_path), "PYTHONPATH": str(root)}
    return subprocess.Popen([*script, *map(str, options)], env=environment, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ["nothing"]}, "task 'nothing' is absent"),
        (
            {"space": {"checkpoint": "logmel", "windows_ms": [[80], [160]]}},
            "windows_ms changes nothing, it is of event",
        ),
        ({"space": {"checkpoint": "logmell"}}, "unknown checkpoint 'logmell' (did you mean 'logmel'?)"),
    ],
)
def test_the_command_ends_in_one_line(task, tmp_path, changes, message):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(declared(task, **changes)))
    result = CliRunner().invoke(main, ["search", str(file), "--runs", str(tmp_path), "--store", str(tmp_path)])
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_command_shows_trials_and_winner(ran, task, places, tmp_path):
    _, folder = ran
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(declared(task)))
    options = ["--runs", str(folder.parent), "--store", str(places["store"]), "--device", "cpu"]
    result = CliRunner().invoke(main, ["search", str(file), *options])
    assert result.exit_code == 0, result.stderr
    assert "5 complete; score is validation." in result.output
    assert "Winner by validation among 5 variants: logmel" in result.output
    assert result.output.count("top1_acc") == 1


def test_the_benchmark_compares_with_random_search(task, places, tmp_path):
    file, out = tmp_path / "mine.yaml", tmp_path / "out.json"
    file.write_text(yaml.safe_dump(declared(task)))
    options = ["--runs", str(tmp_path), "--store", str(places["store"]), "--seeds", "2", "--budget", "4"]
    result = CliRunner().invoke(samplers.main, [str(file), *options, "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    found = json.loads(out.read_text())
    assert found["command"] == "python -m tests.campaigns.samplers SEARCH --seeds 2 --budget 4"
    assert len(found["rows"]) == 3 * 2
    assert found["table"]["worst"] <= found["median_of_random_search"] <= found["table"]["best"]
    assert all(row["best"] <= found["table"]["best"] for row in found["rows"])


def test_a_packaged_search_is_named_by_its_runs_folder(tmp_path, monkeypatch):
    def stopped(declared, where, *others, **options):
        raise ValueError(f"{declared.name} in {where.runs}")

    monkeypatch.setattr("ablations.search.run.search", stopped)
    (tmp_path / "quick_search" / "trials").mkdir(parents=True)
    result = CliRunner().invoke(main, ["search", str(tmp_path / "quick_search")])
    assert result.output.strip() == f"Error: quick_search in {tmp_path}"
