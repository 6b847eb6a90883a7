"""Models that differ in their look-ahead: on events their jobs and embeddings are apart, on scenes they are shared."""

import json

import numpy as np
import pytest
import torch

from ablations import embedder as embedder_of
from ablations.embedding.files import embed_files
from ablations.kit.export import export
from ablations.models import registry
from ablations.runs.plan import plan_study
from ablations.runs.run import run_study
from ablations.store.run_check import run_faults
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.job import EmbedderFacts, Job
from ablations.units.jobs import jobs_of
from ablations.units.unit import find_tasks, network_gmacs, units_of
from ablations.units.where import Where
from downstream.kit import read
from passt.windows.waveforms import padded
from results import load
from results.statistics.versus import comparisons
from results.tables.compose import text
from tests.conftest import tone

CPU = Machine("cpu")


def study_of(*tasks, lookaheads=(None, 0, 80)):
    model = {"checkpoint": "logmel", "lookahead_ms": list(lookaheads), "timestamp_hop_ms": 100}
    return Study.from_dict(
        {"name": "mine", "models": [model], "tasks": [*map(str, tasks)], "protocol": "hear2021+grid1"}
    )


def test_a_run_keeps_them_apart_on_events_and_shares_scenes(tmp_path, event_task, scene_task):
    study, where = study_of(event_task(), scene_task()), Where(tmp_path / "runs", tmp_path / "store")
    plan = plan_study(study, where, CPU, measure=False)
    assert sorted(plan["jobs"]) == [1, 3]
    outcome = run_study(study, where, CPU)
    assert (outcome.failures, outcome.not_applicable, list(run_faults(outcome.folder))) == ((), (), [])
    jobs = [json.loads(file.read_text()) for file in (outcome.folder / "jobs").glob("*.json")]
    assert sorted(job.get("lookahead_ms", -1) for job in jobs if job["hop_ms"]) == [-1, 0, 80]
    assert [("lookahead_ms" in job, job["hop_ms"]) for job in jobs if job["hop_ms"] is None] == [(False, None)]
    kinds = {path.name for path in (tmp_path / "store").glob("*/*/test/*")}
    assert kinds == {"scene", "t100", "t100ahead0", "t100ahead80"}
    sums = {path.read_bytes() for path in (tmp_path / "store").glob("*/*/test/t100*/mean@160.npy")}
    assert len(sums) == 3
    rows = load(outcome.folder)
    labels = ["logmel centered", "logmel look-ahead 0 ms", "logmel look-ahead 80 ms"]
    assert list(rows["model"].unique()) == labels
    assert sorted(rows["lookahead_ms"].dropna().unique()) == [0.0, 80.0]
    assert all(label in text(rows, "markdown") for label in labels)
    again = plan_study(study, where, CPU, measure=False)
    assert again[["jobs", "done"]].sum().tolist() == [4, 4]
    pairs = comparisons(outcome.folder, [(labels[0], labels[1])])
    assert set(pairs["task"]) == {"beeps", "tones"}


def test_an_embedder_that_knows_none_is_named_and_scenes_are_served(tmp_path, event_task, scene_task, monkeypatch):
    embedder = registry.build(registry.resolve("logmel"), device="cpu")
    plain = type(embedder).timestamps
    monkeypatch.setattr(
        type(embedder), "timestamps", lambda self, clips, taps, hop_ms: plain(self, clips, taps, hop_ms)
    )
    study = study_of(event_task(), scene_task())
    found = {}
    for named in find_tasks(study, tmp_path, tmp_path, pytest.fail):
        (unit,) = units_of(study, [named])
        jobs = jobs_of(unit, [embedder], study.protocol, tmp_path / "store")
        found[named.key] = (
            [len(shared.models) for group in jobs.shared.values() for shared in group],
            [cell.reason for cell in jobs.not_applicable],
        )
    reasons = [f"it knows no look-ahead, expected lookahead_ms None, got {value}" for value in (0, 80)]
    assert found == {"beeps": ([1], reasons), "tones": ([3], [])}


def test_only_a_look_ahead_changes_the_key_of_a_job(event_task, tmp_path):
    study = study_of(event_task())
    (named,) = find_tasks(study, tmp_path, tmp_path, pytest.fail)
    facts = EmbedderFacts("x", "0123456789abcdef", None, "fp32", {})
    before = Job(facts, (("features", 160),), 50, named, "task", "audio", "hear2021", 0)
    keys = [
        Job(facts, before.taps, 50, named, "task", "audio", "hear2021", 0, lookahead_ms=value).key
        for value in (None, 0, 80)
    ]
    assert keys[0] == before.key == "b1acb3b43466c07b"
    assert len(set(keys)) == 3


def test_each_look_ahead_is_computed_for_itself():
    models = {kinds: study_of("beeps", lookaheads=kinds).models for kinds in ((None,), (None, 0), (0, 80))}
    costs = {kinds: network_gmacs(of, True) for kinds, of in models.items()}
    assert set(costs.values()) == {0.0}  # no network
    networks = Study.from_dict(
        {
            "name": "mine",
            "tasks": ["beeps"],
            "models": [{"checkpoint": "passt_demo", "levels": [["block6"]], "lookahead_ms": [None, 0, 80]}],
        }
    ).models
    assert network_gmacs(networks, True) == pytest.approx(3 * network_gmacs(networks[:1], True))
    assert network_gmacs(networks, False) == network_gmacs(networks[:1], False)


def by_hand(sound, lookahead):
    """The log-mel means of windows of 160 ms every 100 ms, each embedded as a clip."""
    model = embedder_of("logmel@mean").model
    clips = [*padded(sound[None], 5120, lookahead)[0].unfold(0, 5120, 3200)]
    return model.scene(clips, [("mean", None)])["mean", None]


def test_files_notebooks_and_the_kit_have_the_windows_that_are_asked_for(tmp_path, event_task):
    spec = "logmel@mean@t100@ahead80"
    sound = torch.tensor(tone(500, 0.5, 32000), dtype=torch.float32)
    values, _ = embedder_of(spec).timestamps([sound])[0]
    assert torch.allclose(values, by_hand(sound, 2560), atol=1e-4)
    assert not torch.allclose(values, embedder_of("logmel@mean@t100").timestamps([sound])[0][0], atol=0.1)
    folder = event_task()
    clip = sorted((folder / "16000" / "test").glob("*.wav"))[0]
    embed_files([clip], spec, out=tmp_path / "out", scene=False, machine=CPU)
    (file,) = (tmp_path / "out").rglob("*.npz")
    with np.load(file) as arrays:
        assert str(arrays["spec"]).endswith("@t100@ahead80@none")
        embedded = arrays["timestamp_embeddings"]
    (target,) = export(spec, str(folder), tmp_path / "kit", where=Where(store=tmp_path / "store"), machine=CPU)
    _, splits = read.read_folder(target)
    rows = splits["test"].offsets
    place = list(splits["test"].files).index(clip.name)
    assert np.allclose(splits["test"].x[:][rows[place] : rows[place + 1]], embedded, atol=1e-5)
    assert {path.name for path in (tmp_path / "store").glob("*/*/test/t*")} == {"t100ahead80"}
