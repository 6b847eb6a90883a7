"""Models side by side: their features, their jobs, what they share with models alone, and how they fail."""

import copy
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from ablations.engines import loaded
from ablations.engines.ray.worker import UnitWorker
from ablations.kit.export import extracted
from ablations.models import registry
from ablations.runs.plan import plan_study
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units import extraction
from ablations.units.job import Job, Part
from ablations.units.unit import Settings, Shard, find_tasks, units_of
from ablations.units.where import Where
from downstream.tasks.task import Task
from results.rows.job_files import read_job
from results.rows.rows import read_rows
from tests.ablations.units.test_unit import assert_same_run

LOGMEL, CREPE = "logmel@mean@w160@t250", "crepe_tiny@logits@t500"  # of 32 kHz and of 16 kHz
ALONE = [
    {"checkpoint": "logmel", "levels": [["mean"]], "windows_ms": [[160]], "timestamp_hop_ms": 250},
    {"checkpoint": "crepe_tiny", "levels": [["logits"]], "timestamp_hop_ms": 500},
]
FUSED = {**ALONE[0], "beside": CREPE}
LABEL = "logmel ++ crepe_tiny"


def study_of(tasks, models, **changes) -> Study:
    declared = {"name": "mine", "models": copy.deepcopy(models), "tasks": list(map(str, tasks)), "protocol": "ridge"}
    return Study.from_dict({**declared, **changes})


def run(study, tmp_path, runs="runs", **options):
    return run_study(study, Where(tmp_path / runs, tmp_path / "store"), Machine("cpu"), **options)


def taps(tmp_path) -> dict:
    """The taps in the store, and when each was written."""
    store = tmp_path / "store"
    return {path: path.stat().st_mtime_ns for path in store.glob("*/*/*/*/*.npy")}


@pytest.fixture
def builds(monkeypatch):
    """The checkpoints that an engine loads, in their order."""
    checkpoints, build = [], loaded.build

    def counted(models, *rest):
        checkpoints.append(models[0].spec.checkpoint)
        return build(models, *rest)

    monkeypatch.setattr(loaded, "build", counted)
    return checkpoints


@pytest.mark.parametrize("kind", ["scene_task", "event_task"])
def test_features_are_those_of_each_model_bit_for_bit(kind, request, tmp_path):
    task = Task.from_dir(request.getfixturevalue(kind)())
    specs = [registry.resolve(text) for text in (LOGMEL, CREPE)]
    embedders = [registry.build(spec, device="cpu") for spec in specs]
    alone = [extracted([one], spec, task, tmp_path) for one, spec in zip(embedders, specs, strict=True)]
    assert [embedder.sample_rate for embedder in embedders] == [32000, 16000]
    for order in (slice(None), slice(None, None, -1)):
        first, second = specs[order]
        fused = extracted(embedders[order], dataclasses.replace(first, beside=(second,)), task, tmp_path)
        for split in task.splits:
            parts = [found[split] for found in alone[order]]
            common = parts[0].x[:], parts[1].x[:]
            if task.is_event:  # every 250 and every 500 ms
                common = [part.x[:][part.timestamps % 500 == 0] for part in parts]
                assert len(parts[0].timestamps) != len(parts[1].timestamps)
                assert set(fused[split].timestamps % 500) == {0}
                coarse = alone[1][split]
                assert np.array_equal(fused[split].timestamps, coarse.timestamps)
                assert np.array_equal(fused[split].y, coarse.y)
            assert np.array_equal(fused[split].x[:], np.concatenate(common, axis=1))
            assert fused[split].files == parts[0].files


def test_a_job_has_the_key_of_the_first_model_unless_others_stand_beside_it():
    facts = [SimpleNamespace(fingerprint=digit * 16) for digit in "ab"]
    named = SimpleNamespace(task=SimpleNamespace(is_event=True), key="beeps")
    alone = Job(facts[0], (("mean", 160),), 50, named, "task", "audio", "hear2021", 0)
    part = Part(facts[1], (("logits", None),), 100, None, "other audio")
    changes = [{"hop_ms": 50}, {"taps": (("logits", 160),)}, {"audio_fp": "audio"}, {"lookahead_ms": 0}, {}]
    beside = [(dataclasses.replace(part, **change),) for change in changes]
    jobs = [dataclasses.replace(alone, beside=parts) for parts in ((), *beside, (*beside[0], *beside[1]))]
    assert len({job.key for job in jobs}) == len(jobs)
    assert jobs[0].key == alone.key
    assert [job.times for job in jobs[:2]] == [((50, None),), ((50, None), (50, None))]


def test_a_run_extracts_nothing_twice_and_loads_what_the_next_group_needs(tmp_path, scene_task, event_task, builds):
    tasks = [scene_task(), event_task()]
    assert run(study_of(tasks, ALONE), tmp_path).failures == ()
    made = taps(tmp_path)
    builds.clear()
    study = study_of(tasks, [*ALONE, FUSED])
    outcome = run(study, tmp_path)
    assert outcome.failures == outcome.not_applicable == ()
    assert taps(tmp_path) == made
    assert builds == ["crepe_tiny", "logmel", "crepe_tiny"], "logmel stays for the pair"
    rows = read_rows(outcome.folder)
    assert set(rows["model"]) == {"logmel", "crepe_tiny", LABEL}
    of_pair = rows[rows["model"] == LABEL]
    assert set(of_pair["spec"]) == {str(study.models[-1].spec)}
    assert set(of_pair["family"]) == {"logmel ++ crepe"}
    assert set(of_pair["weights"]) == {"none ++ published"}
    jobs = [read_job(file) for file in (outcome.folder / "jobs").glob("*.json")]
    pairs = [job["parts"] for job in jobs if "parts" in job]
    assert len(jobs) == 6
    assert [[part["embedder"] for part in parts] for parts in pairs] == [["logmel@none", "crepe_tiny@published"]] * 2
    assert sorted(part["hop_ms"] or 0 for parts in pairs for part in parts) == [0, 0, 250, 500]


def test_a_plan_counts_the_clips_of_shared_parts_once(tmp_path, event_task):
    study = study_of([event_task()], [*ALONE, FUSED])
    where = Where(tmp_path / "runs", tmp_path / "store")
    plan = plan_study(study, where, Machine("cpu"), measure=False).set_index("model")
    pair = plan.loc["logmel@none ++ crepe_tiny@published"]
    assert plan["clips"].tolist() == [9, 9, 0]
    assert (pair["taps"], pair["jobs"], pair["disk_mb"]) == (2, 1, 0)
    alone = plan_study(study_of([event_task()], [FUSED]), where, Machine("cpu"), measure=False).iloc[0]
    assert alone["clips"] == 18
    assert alone["disk_mb"] == pytest.approx(plan["disk_mb"].sum())
    assert alone["passes"] == 9 * (9 + 5)


def test_a_part_that_fails_is_named_and_the_others_go_on(tmp_path, scene_task, monkeypatch):
    build = loaded.build

    def broken(models, *rest):
        if models[0].spec.checkpoint == "crepe_tiny":
            raise FileNotFoundError("no weights at all")
        return build(models, *rest)

    monkeypatch.setattr(loaded, "build", broken)
    outcome = run(study_of([scene_task()], [ALONE[0], FUSED]), tmp_path)
    assert [str(failure) for failure in outcome.failures] == [f"{LABEL}: crepe_tiny: no weights at all"]
    assert set(read_rows(outcome.folder)["model"]) == {"logmel"}


def test_a_part_that_fails_at_an_extraction_is_named(tmp_path, scene_task, monkeypatch):
    extract = extraction.extract

    def broken(embedder, *rest):
        if embedder.name.startswith("crepe"):
            raise TypeError("wrong type")
        extract(embedder, *rest)

    monkeypatch.setattr(extraction, "extract", broken)
    (failure,) = run(study_of([scene_task()], [FUSED]), tmp_path).failures
    assert str(failure).endswith("crepe_tiny@published: TypeError: wrong type")


def test_a_store_with_one_part_goes_on_after_a_stop(tmp_path, event_task, monkeypatch):
    study, extract = study_of([event_task()], [FUSED]), extraction.extract

    def stopped(embedder, *rest):
        if embedder.name.startswith("crepe"):
            raise KeyboardInterrupt
        extract(embedder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(extraction, "extract", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path)
    made = taps(tmp_path)
    assert len(made) == 3
    outcome = run(study, tmp_path)
    assert outcome.failures == ()
    assert taps(tmp_path).items() > made.items()
    whole = run_study(study, Where(tmp_path / "whole", tmp_path / "other"), Machine("cpu"))
    assert_same_run(whole.folder, outcome.folder)


def test_shards_and_workers_leave_the_files_of_one_run(tmp_path, event_task, monkeypatch):
    study = study_of([event_task()], [*ALONE, FUSED])
    whole = run(study, tmp_path, "whole")
    for number in (1, 2):
        parts = run(study, tmp_path, "parts", shard=Shard(number, 2))
    assert_same_run(whole.folder, parts.folder)
    settings = Settings.of(study, Where(tmp_path / "worked", tmp_path / "store"), Machine("cpu"), "cpu")
    (settings.folder / "jobs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    worker = UnitWorker(settings, str(tmp_path), 1)
    units = units_of(study, find_tasks(study, tmp_path, tmp_path / "store", pytest.fail))
    assert len(units) == 3
    for unit in units[::-1]:
        assert worker.run(unit).result.failures == ()
    names = {path.name for path in (whole.folder / "jobs").iterdir()}
    assert {path.name for path in (settings.folder / "jobs").iterdir()} == names


def test_timestamps_that_never_meet_name_both_models_and_their_steps(tmp_path, event_task):
    pair = {**ALONE[0], "beside": "crepe_tiny@logits@t290"}
    (failure,) = run(study_of([event_task()], [pair]), tmp_path).failures
    steps = "logmel@none every 250 ms and crepe_tiny@published every 290 ms"
    assert str(failure) == f"{LABEL} on beeps: timestamps meet at 0 ms only: {steps}; expected some throughout a clip"


def test_one_network_with_two_seeds_is_two_models(tmp_path, scene_task):
    task = Task.from_dir(scene_task(clips=2))
    spec = registry.resolve("cnn_demo@block5@untrained-0 ++ cnn_demo@block5@untrained-1")
    embedders = [registry.build(part, device="cpu") for part in spec.parts]
    found = extracted(embedders, spec, task, tmp_path)["test"].x[:]
    halves = np.split(found, 2, axis=1)
    assert not np.allclose(*halves)
    for half, part, embedder in zip(halves, spec.parts, embedders, strict=True):
        assert np.array_equal(half, extracted([embedder], part, task, tmp_path)["test"].x[:])


def test_levels_of_one_network_may_have_windows_of_their_own(tmp_path, event_task, builds):
    first = {"checkpoint": "logmel", "levels": [["mean"]], "windows_ms": [[160]], "timestamp_hop_ms": 250}
    outcome = run(study_of([event_task()], [{**first, "beside": "logmel@std@w640@t250"}]), tmp_path)
    assert outcome.failures == ()
    assert builds == ["logmel"]
    assert {path.name for path in taps(tmp_path)} == {"mean@160.npy", "std@640.npy"}
