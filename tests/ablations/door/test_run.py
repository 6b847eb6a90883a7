"""Runs from Python: what may be run, what comes back, what is refused before anything is computed."""

import functools
import importlib
import json
import sys

import pandas as pd
import pytest
import torch
from rich.console import Console

import ablations as ab
from passt import PasstEmbedder
from tests.ablations.hear_fakes import TORCH

RATE = 16000


def loudness(audio):
    return torch.stack([audio.abs().mean(1), audio.std(1), audio.amax(1)], 1)


@pytest.fixture
def place(tmp_path, scene_task):
    """The folders of a run, and a small task."""
    folders = {"runs": tmp_path / "runs", "store": tmp_path / "store", "tasks_folder": tmp_path}
    scene_task()
    return folders


def test_a_function_is_evaluated_and_its_results_are_used_again(place):
    model = ab.model(loudness, sample_rate=RATE)
    run = ab.evaluate(model, "tones", **place)
    assert run.scores.loc["loudness", "tones"] == pytest.approx(run.rows["score"].mean())
    (spec,) = run.rows["spec"].unique()
    assert spec.startswith("python:loudness?code=")
    jobs = {path: path.stat().st_mtime_ns for path in (run.folder / "jobs").iterdir()}
    again = ab.evaluate(ab.model(loudness, sample_rate=RATE), ["tones"], **place)
    assert again.folder == run.folder
    assert jobs == {path: path.stat().st_mtime_ns for path in (run.folder / "jobs").iterdir()}


def test_the_rate_may_be_an_option_of_the_run(place):
    run = ab.evaluate(loudness, "tones", sample_rate=RATE, **place)
    assert list(run.scores.index) == ["loudness"]


def test_other_code_is_another_model(place):
    first = ab.evaluate(ab.model(loudness, sample_rate=RATE, name="mine"), "tones", **place)
    second = ab.evaluate(ab.model(lambda audio: -loudness(audio), sample_rate=RATE, name="mine"), "tones", **place)
    assert first.folder != second.folder
    names = ab.scores([first, second]).index
    assert len(names) == 2
    assert all(name.startswith("mine [python:mine?code=") for name in names)


def test_models_of_all_kinds_stand_in_one_table(place, hear_module, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(hear_module(TORCH))

    class Object:
        sample_rate = RATE

        def get_scene_embeddings(self, audio):
            return audio[:, :100].clone()

    run = ab.run(models=["logmel", module, Object(), ab.model(loudness, sample_rate=RATE)], tasks=["tones"], **place)
    assert list(run.scores.index) == ["logmel", "fake_hear", "Object", "loudness"]
    assert run.scores["tones"].notna().all()
    assert not run.failures


def test_event_tasks_do_not_apply_to_a_function_of_scenes(place, event_task):
    event_task()
    model = ab.model(loudness, sample_rate=RATE)
    run = ab.evaluate(model, ["tones", "beeps"], **place)
    assert [str(cell) for cell in run.not_applicable] == ["loudness on beeps: it has no timestamp embeddings"]
    assert "it has no timestamp embeddings" in repr(run)
    with pytest.raises(ValueError, match="nothing was measured: loudness on beeps: it has no timestamp embeddings"):
        ab.evaluate(model, "beeps", **place)


def test_what_is_not_reusable_is_told_in_a_line(place, caplog):
    lines = (line for line in ["a"])
    calls = []

    def of_lines(audio):
        return loudness(audio) if lines else audio

    def counted(audio):
        calls.append(1)
        return loudness(audio)

    models = [ab.model(function, sample_rate=RATE) for function in (of_lines, counted)]
    ab.run(models=models, tasks="tones", **place)
    assert "of_lines: not reusable, its results are computed anew another time: nothing identifies lines" in caplog.text
    assert "counted: not reusable, its results are computed anew another time: calling it changes what" in caplog.text


def test_a_mapping_may_hold_objects_and_is_changed_by_options(place):
    study = {
        "name": "mine",
        "models": [{"checkpoint": ab.model(loudness, sample_rate=RATE), "label": "loud"}, "logmel"],
        "tasks": ["tones"],
    }
    run = ab.run(study, limit=2, **place)
    assert list(run.scores.index) == ["loud", "logmel"]
    assert set(run.rows["protocol"]) == {"hear2021+limit2"}


def test_an_embedder_is_a_model_too_with_the_weights_of_its_spec(place, event_task):
    event_task()
    network = PasstEmbedder("passt_demo@block2@untrained-0", device="cpu")
    models = [network, ab.embedder("logmel"), "passt_demo@block2@untrained-0"]
    run = ab.run(models=models, tasks=["tones", "beeps"], protocol="hear2021+grid1", **place)
    assert list(run.rows.groupby("model", sort=False)["weights"].first()) == ["untrained-0", "none", "untrained-0"]
    assert run.scores.iloc[0, 0] == run.scores.iloc[2, 0]  # the same numbers by the other way


@pytest.mark.filterwarnings("error")
def test_a_notebook_without_widgets_shows_no_bars_and_no_warnings(place, monkeypatch, capsys):
    monkeypatch.setattr("ablations.door.run.Console", functools.partial(Console, force_jupyter=True))
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    ab.run(models="logmel", tasks="tones", protocol="hear2021+grid1", **place)
    assert capsys.readouterr() == ("", "")


def test_axes_of_an_ad_hoc_run_may_be_one_text(place):
    run = ab.run(models="logmel@mean", tasks="tones", windows_ms="160", **place)
    assert set(run.rows["window_ms"]) == {160}


def test_a_run_is_seen_without_its_objects(place):
    folder = ab.evaluate(ab.model(loudness, sample_rate=RATE, weights="untrained-0"), "tones", **place).folder
    assert json.loads((folder / "study.json").read_text())["models"][0]["label"] == "loudness"
    assert ab.table(folder).texts.index.tolist() == ["loudness†"]
    assert ab.figure(folder).axes
    assert ab.load(folder)["untrained"].all()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"models": object(), "tasks": "tones"}, "a model must be a name, a spec, a function of .* of type object"),
        ({"models": [], "tasks": "tones"}, "models: expected at least one model, got none"),
        ({"models": "logmel", "tasks": []}, "a study needs 'tasks'"),
        ({"models": ["logmel", "logmel"], "tasks": "tones"}, "two models have the same spec"),
        ({"models": [loudness], "tasks": "tones"}, "loudness: needs the rate of its clips"),
        ({"models": "nonsense", "tasks": "tones"}, "nonsense"),
        ({"models": "logmel", "tasks": ["tones", "nonsense"]}, "task 'nonsense' is absent"),
        ({"models": "logmel", "tasks": "tones", "limit": 0}, "limit must be"),
        ({"models": "logmel", "tasks": "tones", "engine": "moon"}, "engine must be one of"),
        ({"models": "logmel"}, "run needs a study, or models and tasks"),
        ({"study": "quickstart", "models": "logmel"}, "models are for runs without a study"),
        ({"study": 3}, "study must be a name, a file, a mapping or a Study, got 3"),
        ({"study": {"name": "a", "models": [], "tasks": ["tones"]}}, "a study needs 'models'"),
        ({"models": json, "tasks": "tones"}, "json: a HEAR module needs load_model"),
        (
            {"models": ab.model(loudness, sample_rate=RATE), "tasks": "tones", "levels": "block1"},
            "unknown level 'block1'; expected one of embedding",
        ),
        (
            {"models": ab.model(lambda audio: torch.randn(len(audio), 3), sample_rate=RATE), "tasks": "tones"},
            "returned other embeddings when asked again",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line_before_anything_is_computed(place, arguments, fault):
    with pytest.raises((ValueError, OSError), match=fault) as raised:
        ab.run(**arguments, **place)
    assert "\n" not in str(raised.value)
    assert not list(place["runs"].rglob("jobs"))


def test_objects_stay_in_their_process(place):
    from ablations.door.declared import Declared
    from ablations.study.adhoc import adhoc_study
    from ablations.units.unit import Shard

    model = ab.model(loudness, sample_rate=RATE)
    with pytest.raises(ValueError, match="loudness: is an object of this process, which a worker of Ray does not have"):
        ab.run(models=model, tasks="tones", engine=ab.make_engine("ray", count=1), **place)
    study = adhoc_study(Declared.of([model]).entries, ["tones"])
    where = ab.Where(place["runs"], place["store"], place["tasks_folder"])
    with pytest.raises(ValueError, match="which another shard does not have"):
        ab.run_study(study, where, shard=Shard(1, 2))


def test_a_module_that_can_not_be_imported_is_refused(place, hear_module, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(hear_module(TORCH))
    del sys.modules["fake_hear"]
    with pytest.raises(ValueError, match="the module fake_hear can't be imported by its name"):
        ab.evaluate(module, "tones", **place)


def test_a_run_shows_itself(place):
    run = ab.evaluate("logmel", "tones", **place)
    assert "tones" in repr(run)
    assert "<table" in run._repr_html_()
    assert isinstance(run.rows, pd.DataFrame)
    assert run.figure().axes
    assert ab.Run(run.folder).scores.equals(run.scores)


def test_an_object_stands_beside_a_model(place, event_task):
    event_task()
    beside = {"checkpoint": "logmel", "timestamp_hop_ms": 500, "beside": ab.model(loudness, sample_rate=RATE)}
    other = {"checkpoint": loudness, "beside": ["logmel@t500", "chance@t500"]}
    run = ab.evaluate([beside, other], ["tones", "beeps"], protocol="ridge", sample_rate=RATE, **place)
    assert list(run.scores.index) == ["logmel ++ loudness", "loudness ++ logmel", "loudness ++ chance"]
    assert list(run.scores.columns) == ["tones"]
    assert {cell.task for cell in run.not_applicable} == {"beeps"}
    reasons = {cell.reason for cell in run.not_applicable}
    assert all("loudness?code=" in reason and "no timestamp embeddings" in reason for reason in reasons)
    with pytest.raises(ValueError, match="expected one model, got 2 side by side"):
        ab.embedder("logmel ++ chance")
