"""Units whose probes are trained together, as on CUDA, against units one by one."""

import gc
import json
import logging
import signal
import subprocess
import sys
import time
import weakref

import numpy as np
import pandas as pd
import pytest

from ablations.engines import loaded
from ablations.engines.here import Here
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units import execute, waiting
from ablations.units.unit import Settings, find_tasks, units_of
from ablations.units.where import Where
from downstream.disk.locks import USED, held
from downstream.probes import pack
from downstream.scores.scoring import Scorer
from downstream.watching import watched
from results.rows.job_files import read_job
from results.rows.rows import read_rows
from tests.ablations.units.killed_together import train_together
from tests.conftest import run_environment

MODELS = [
    {"checkpoint": "logmel", "levels": [["mean"], ["mean", "std"]], "timestamp_hop_ms": 500},
    {"checkpoint": "melproj", "timestamp_hop_ms": 250},
]
"""Three models of two embedders."""


@pytest.fixture
def together(monkeypatch):
    train_together(monkeypatch.setattr)


@pytest.fixture
def tasks(scene_task, event_task):
    """Four small tasks: of one label a clip in two sizes, of several, and of events."""
    settings = {"max_epochs": [4], "check_val_every_n_epoch": [1], "hidden_dim": [16]}
    small = {"evaluation_params": {"task_specific_param_grid": settings}}
    several = {"prediction_type": "multilabel", "evaluation": ["mAP"], **small}
    return [
        scene_task("tones", **small),
        scene_task("more", clips=9, **small),
        scene_task("several", **several),
        event_task("beeps", **small),
    ]


def declaration(tasks, models=MODELS) -> dict:
    return {"name": "mine", "models": models, "tasks": list(map(str, tasks)), "protocol": "hear2021+grid2"}


def study_of(tasks, models=MODELS) -> Study:
    return Study.from_dict(declaration(tasks, models))


def run(study, tmp_path, runs="runs"):
    return run_study(study, Where(tmp_path / runs, tmp_path / "store"), Machine("cpu"))


def same_rows(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Scores are equal to the rounding of other products; all else is the same."""
    numbers = [column for column in ("score", "validation_score", "test_loss") if column in wanted]
    pd.testing.assert_frame_equal(*(rows.drop(columns=["seconds", *numbers]) for rows in (found, wanted)))
    np.testing.assert_allclose(found[numbers].astype(float), wanted[numbers].astype(float), atol=1e-3)


def test_units_together_have_the_rows_of_units_one_by_one(tmp_path, tasks, monkeypatch):
    study = study_of(tasks)
    alone = run(study, tmp_path, "alone")
    train_together(monkeypatch.setattr)
    calls, sizes = [], []
    evaluate_all, plan = execute.evaluate_all, pack.plan
    monkeypatch.setattr(
        execute, "evaluate_all", lambda jobs, *rest: [calls.append(len(jobs)), *evaluate_all(jobs, *rest)][1:]
    )
    monkeypatch.setattr(pack, "plan", lambda *args: [sizes.append(len(members)) or members for members in plan(*args)])
    outcome = run(study, tmp_path)
    assert outcome.failures == alone.failures == ()
    rows = read_rows(outcome.folder)
    assert set(zip(rows["model"], rows["task"], strict=True)) == {
        (model.label, task.name) for model in study.models for task in tasks
    }
    same_rows(rows, read_rows(alone.folder))
    assert calls == [12], "every job at once"
    assert sizes == [6] * 4, "3 models on 2 tasks of a kind: a pack a depth, not 24 packs of one probe"
    assert (rows["seconds"].dropna() > 0).all()
    assert not list((outcome.folder / "jobs").glob("*.fits"))
    jobs = [read_job(file) for file in (outcome.folder / "jobs").glob("*.json")]
    assert all(job["seconds"] > 0 for job in jobs)


def test_the_seconds_of_a_job_are_its_share(tmp_path, tasks, together):
    """All shares together are no more than the run."""
    start = time.perf_counter()
    outcome = run(study_of(tasks[:2]), tmp_path)
    whole = time.perf_counter() - start
    seconds = [read_job(file)["seconds"] for file in (outcome.folder / "jobs").glob("*.json")]
    assert len(seconds) == 6
    assert sum(seconds) < whole
    assert max(seconds) < 0.6 * sum(seconds)


def test_a_unit_that_fails_fails_alone(tmp_path, tasks, together, monkeypatch, caplog):
    reported = Scorer.reported

    def broken(self, *rest):
        if self.task.name == "more":
            raise ValueError("no scores of this task")
        return reported(self, *rest)

    monkeypatch.setattr(Scorer, "reported", broken)
    outcome = run(study_of(tasks[:3]), tmp_path)
    assert {(failure.task, failure.reason) for failure in outcome.failures} == {("more", "no scores of this task")}
    labels = {model.label for failure in outcome.failures for model in failure.models}
    rows = read_rows(outcome.folder)
    assert set(rows["task"]) == {"tones", "several"}
    assert labels == set(rows["model"]), "of every model"
    assert "could not be trained together: no scores of this task" in caplog.text


def test_embedders_are_released_before_what_waits(tmp_path, tasks, together, monkeypatch):
    alive, evaluations, build, evaluate = [], [], loaded.build, waiting.evaluate

    def built(*args):
        embedder = build(*args)
        alive.append(weakref.ref(embedder))
        return embedder

    def watched_evaluation(parts, track):
        gc.collect()
        evaluations.append((len(parts), [embedder() is not None for embedder in alive]))
        evaluate(parts, track)

    monkeypatch.setattr(loaded, "build", built)
    monkeypatch.setattr(waiting, "evaluate", watched_evaluation)
    assert run(study_of(tasks[:2]), tmp_path).failures == ()
    assert evaluations == [(4, [False, False])]


BOUNDS = {
    "numbers": ("NUMBERS", 1),
    "memory": ("available", lambda: 8000),
    "files": ("_most_files", lambda: 6),  # a lock and a tap of each split
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_not_all_wait(tmp_path, tasks, together, monkeypatch, bound):
    """Where as much waits as may, it is trained before the next unit's taps, or after its embedder's release."""
    settings, units = made(study_of(tasks[:2]), tmp_path)
    monkeypatch.setattr(waiting, *BOUNDS[bound])
    events = []
    evaluate = waiting.evaluate
    monkeypatch.setattr(waiting, "evaluate", lambda parts, track: (events.append(len(parts)), evaluate(parts, track)))
    for unit, result in Here().results(units, settings):
        events.append(unit.named.key)
        assert len(result.done) == len(unit.models)
    assert events == [1, "tones", 1, "more"] * 2


def test_nothing_waits_for_a_watcher(tmp_path, tasks, together):
    """A search may end a trial after any fold."""
    settings, _ = made(study_of(tasks[:2]), tmp_path)
    with watched(lambda fold: None):
        assert not waiting.WaitingUnits(settings)._together
    assert waiting.WaitingUnits(settings)._together


def test_nothing_waits_on_a_cpu(tmp_path, tasks):
    settings, _ = made(study_of(tasks[:2]), tmp_path)
    assert not waiting.WaitingUnits(settings)._together


def made(study: Study, tmp_path):
    where = Where(tmp_path / "runs", tmp_path / "store")
    (tmp_path / "runs/mine/jobs").mkdir(parents=True, exist_ok=True)
    named = find_tasks(study, where.tasks, where.store, lambda *failed: pytest.fail(str(failed)))
    return Settings.of(study, where, Machine("cpu"), "cpu"), units_of(study, named)


def is_free(folder) -> bool:
    try:
        with held(folder / USED, wait=False):
            return True
    except BlockingIOError:
        return False


def test_folders_of_the_store_are_kept_as_long_as_they_are_read(tmp_path, tasks, together, monkeypatch):
    settings, units = made(study_of(tasks[:2]), tmp_path)
    seen, evaluate = [], execute.evaluate_all

    def folders() -> list[bool]:
        return [is_free(used.parent) for used in (tmp_path / "store").rglob(USED)]

    def looking(*args):
        seen.append(folders())
        yield from evaluate(*args)

    monkeypatch.setattr(execute, "evaluate_all", looking)
    assert len(list(Here().results(units, settings))) == 4
    ((*free,),) = seen
    assert len(free) == 2 * 2 * 3
    assert not any(free)
    assert all(folders())


def test_what_waits_is_let_go_when_a_run_is_stopped(tmp_path, tasks, together, monkeypatch):
    settings, units = made(study_of(tasks[:2]), tmp_path)
    monkeypatch.setattr(loaded, "build", stopped_at(loaded.build, call=2))
    with pytest.raises(KeyboardInterrupt):
        list(Here().results(units, settings))
    used = list((tmp_path / "store").rglob(USED))
    assert len(used) == 2 * 3
    assert all(is_free(file.parent) for file in used)


def stopped_at(function, call: int):
    """The function, interrupted at a call."""
    calls = []

    def counted(*args):
        calls.append(args)
        if len(calls) == call:
            raise KeyboardInterrupt
        return function(*args)

    return counted


def test_a_kill_leaves_whole_jobs_alone(tmp_path, tasks, monkeypatch, caplog):
    study = study_of(tasks[:2])
    declared = tmp_path / "mine.yaml"
    declared.write_text(json.dumps(declaration(tasks[:2])))
    arguments = ["run", declared, "--runs", tmp_path / "runs", "--store", tmp_path / "store", "--device", "cpu"]
    command = [sys.executable, "-m", "tests.ablations.units.killed_together", "ablations.units.execute:write_json", "4"]
    done = subprocess.run(list(map(str, [*command, "--", *arguments])), env=run_environment(tmp_path), check=False)
    assert done.returncode == -signal.SIGKILL
    folder = tmp_path / "runs/mine/jobs"
    whole = {file.stem: read_job(file) for file in folder.glob("*.json")}
    assert len(whole) == 3
    train_together(monkeypatch.setattr)
    with caplog.at_level(logging.WARNING):
        outcome = run(study, tmp_path)
    assert outcome.failures == ()
    assert {path.suffix for path in folder.iterdir() if not path.name.startswith(".")} == {".json", ".npz"}
    assert len(list(folder.glob("*.json"))) == 6
    assert all(read_job(folder / f"{key}.json") == job for key, job in whole.items()), "what was done stays"
    same_rows(read_rows(outcome.folder), read_rows(run(study, tmp_path, "undisturbed").folder))


def test_a_study_on_a_pretended_gpu(tmp_path, tasks, pretended_cuda):
    """The probes of all units are trained together, as nothing is patched tells."""
    study = study_of(tasks[:3])
    wanted = read_rows(run(study, tmp_path, "alone").folder)
    outcome = run_study(study, Where(tmp_path / "runs", tmp_path / "store"), Machine("cuda"))
    assert outcome.failures == ()
    rows = read_rows(outcome.folder)
    differing = [column for column in rows if "device" in column or column in ("embedder_fp", "job", "versions")]
    same_rows(rows.drop(columns=differing), wanted.drop(columns=differing))
