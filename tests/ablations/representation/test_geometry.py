"""`ablate geometry` on small studies, and what it refuses in one line."""

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

import ablations as ab
from ablations.cli import main
from ablations.engines import loaded
from ablations.representation.representation import Sample
from ablations.representation.similarity import linear_cka
from downstream.tasks.task import Task
from results import load
from tests.conftest import write_tones

MODELS = [
    {"checkpoint": "passt_demo", "levels": [["block1"], ["block12"]], "timestamp_hop_ms": 400},
    {"checkpoint": "passt_demo", "levels": [["block1"]], "windows_ms": [[320]], "timestamp_hop_ms": 400},
    {"checkpoint": "logmel", "timestamp_hop_ms": 300},
    {"checkpoint": "chance"},
]
PROTOCOL = "hear2021+grid1+linear+standardized"


@pytest.fixture
def invoke(tmp_path, monkeypatch, scene_task, event_task):
    """Invokes a command from a folder with the study mine.yaml on `tones` and `beeps`."""
    tasks = [str(scene_task("tasks/tones")), str(event_task("tasks/beeps"))]
    study = {"name": "mine", "models": MODELS, "tasks": tasks, "protocol": PROTOCOL}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_STORE", str(tmp_path / "store"))
    return lambda *arguments: CliRunner().invoke(main, [*map(str, arguments)])


def test_a_study_from_the_command_line(invoke, tmp_path):
    result = invoke("geometry", "mine.yaml")
    assert result.exit_code == 0, result.output
    out = tmp_path / "runs" / "mine" / "geometry"
    written = sorted(path.name for path in out.iterdir())
    assert written == ["cka_beeps.png", "cka_tones.png", "effective_rank.png", "geometry.csv", "similarity.csv"]
    assert "chance: a singular kernel: the embedding is the same for all clips" in result.stdout
    embeddings, pairs = (pd.read_csv(out / f"{name}.csv") for name in ("geometry", "similarity"))
    assert set(embeddings["task"]) == {"tones", "beeps"}
    on_tones = embeddings[embeddings["task"] == "tones"].set_index("model")
    assert "passt_demo block1 320 ms" not in on_tones.index, "scenes are of whole clips"
    assert on_tones.loc["passt_demo block1 160 ms", "same"] == "passt_demo block1 320 ms"
    assert set(on_tones["clips"]) == {18}
    assert "passt_demo block1 320 ms" in set(embeddings.loc[embeddings["task"] == "beeps", "model"])
    assert len(pairs) == 6 + 10
    assert pairs.loc[pairs["model_b"] == "chance", "reason"].str.contains("singular").all()
    assert len(list((tmp_path / "store").glob("*/*/test/scene/block1@own.npy"))) == 1, "extracted without a run"


def test_cka_is_that_of_the_embeddings_in_the_store(invoke, tmp_path):
    found = ab.geometry("mine.yaml", tasks=("tones",), split="test", permutations=0)
    rows = {}
    for level in ("block1@own", "mean@own", "std@own"):
        (file,) = (tmp_path / "store").glob(f"*/*/test/scene/{level}.npy")
        index = np.load(file.with_name("index.npz"))
        rows[level] = np.load(file)[np.argsort(index["files"])]
    expected = linear_cka(rows["block1@own"], np.hstack([rows["mean@own"], rows["std@own"]]))
    pair = found.similarity.set_index(["model_a", "model_b"]).loc[("passt_demo block1 160 ms", "logmel")]
    assert pair["cka"] == pytest.approx(expected, abs=1e-9)
    assert pair["clips"] == 6
    assert not list((tmp_path / "store").glob("*/*/train/scene")), "of no other split"
    assert np.isnan(pair["p"])


def test_models_of_other_hops_are_compared_at_the_same_times(invoke):
    found = ab.geometry("mine.yaml", tasks=("beeps",), models=("*block1 *", "logmel"), permutations=0)
    assert set(found.embeddings["draws"]) == {4}
    assert list(found.embeddings["rows"]) == [4 * 9] * 3


def test_smaller_forms_are_scored_as_the_run_is(invoke, tmp_path):
    model = ["--model", "passt_demo@block1", "--task", "tones"]
    assert invoke("run", *model, "--protocol", PROTOCOL).exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    options = ["--compress", "--dims", "3,500", "--protocol", PROTOCOL, "--out", "out"]
    result = invoke("geometry", folder, *options)
    assert result.exit_code == 0, result.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["compression.csv", "compression.png", "geometry.csv"], "one model is alike with none"
    table = pd.read_csv(tmp_path / "out" / "compression.csv").set_index("form")
    assert list(table.index) == ["float32", "pca3", "int8", "binary"]
    assert list(table["bytes"]) == [768, 12, 192, 24]
    scores = load(folder).set_index("metric")["score"]
    assert table.loc["float32", "score"] == pytest.approx(scores["top1_acc"], rel=1e-5)


def test_a_choice_of_a_study_is_printed_alone(invoke, tmp_path):
    result = invoke("geometry", "mine.yaml", "--task", "tones", "--levels", "block*", "--permutations", 0)
    assert result.exit_code == 0, result.output
    assert "--out names a folder" in result.output
    assert "logmel" not in result.stdout
    assert not (tmp_path / "runs").exists()


def test_a_name_is_no_list_of_names():
    with pytest.raises(ValueError, match="tasks must be a list of names, got 'digits'"):
        ab.geometry("quickstart", tasks="digits")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task", "tunes"], "no task 'tunes' in the study (did you mean 'tones'?)"),
        (["--model", "passt_demi"], "no model 'passt_demi' in the study (did you mean 'passt_demo'"),
        (["--levels", "block13"], "no level 'block13' in the study"),
        (["--split", "tests"], "tones: no split 'tests' (did you mean 'test'?)"),
        (["--clips", "1"], "clips must be at least 2, got 1"),
        (["--permutations", "-1"], "permutations must be at least 0, got -1"),
        (["--dims", "8,x"], "--dims must be whole numbers such as 8,32,128, got '8,x'"),
        (["--dims", "0"], "dims must be at least 1, got 0"),
        (["--protocol", "hear2022"], "unknown protocol 'hear2022'"),
        (["--device", "tpu"], "device must be cpu"),
    ],
)
def test_what_is_not_there_is_one_line(invoke, options, message):
    result = invoke("geometry", "mine.yaml", *options)
    assert result.exit_code in (1, 2)
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error")]
    assert message in line


def test_the_paper_is_many_studies(invoke):
    result = invoke("geometry", "paper")
    assert "paper stands for 14 studies; name one of them" in result.output


def test_a_model_that_fails_does_not_stop_the_others(invoke, monkeypatch):
    build = loaded.build

    def broken(models, settings, track):
        if models[0].spec.checkpoint == "logmel":
            raise ValueError("its weights are lost")
        return build(models, settings, track)

    monkeypatch.setattr(loaded, "build", broken)
    result = invoke("geometry", "mine.yaml", "--task", "tones")
    assert result.exit_code == 1
    assert "Failed: logmel: its weights are lost" in result.output
    assert "passt_demo block12" in result.stdout


def test_clips_are_drawn_by_a_seed_and_groups_are_units(tmp_path):
    folder = write_tones(tmp_path / "tones")
    (folder / "groups.json").write_text('{"train": {"train0.wav": "a", "train1.wav": "a"}, "test": {"test0.wav": "a"}}')
    task = Task.from_dir(folder)
    whole = Sample.of(task, task.splits, 500, 0)
    assert len(whole.clips) == 18
    units = dict(zip(whole.clips, whole.units, strict=True))
    assert units["train", "train0.wav"] == units["train", "train1.wav"] == units["test", "test0.wav"]
    assert len(set(units.values())) == 16
    assert len(Sample.of(task, task.splits, 7, 0).clips) == 7
    assert Sample.of(task, task.splits, 7, 0).clips == Sample.of(task, task.splits, 7, 0).clips
    assert Sample.of(task, task.splits, 7, 0).clips != Sample.of(task, task.splits, 7, 1).clips


def test_models_with_a_pooling_are_left_out(invoke, tmp_path):
    study = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    pooled = {"checkpoint": "passt_demo", "levels": {"weighted": ["block1", "block12"]}, "timestamp_hop_ms": 400}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(study | {"models": [MODELS[2], pooled]}))
    (tmp_path / "pooled.yaml").write_text(yaml.safe_dump(study | {"models": [pooled]}))
    found = ab.geometry("both.yaml", tasks=("tones",), split="test", permutations=0)
    assert set(found.embeddings["model"]) == {"logmel"}
    with pytest.raises(ValueError, match="every model of the study has a pooling, which is a part of probes"):
        ab.geometry("pooled.yaml", permutations=0)


def test_models_side_by_side_have_a_geometry_of_their_own(invoke, tmp_path):
    pair = {"checkpoint": "logmel", "timestamp_hop_ms": 300, "beside": "chance@t200"}
    tasks = yaml.safe_load((tmp_path / "mine.yaml").read_text())["tasks"]
    content = {"name": "pairs", "models": [MODELS[2], pair], "tasks": tasks, "protocol": PROTOCOL}
    found = ab.geometry(ab.Study.from_dict(content), ab.Where(store=tmp_path / "store")).embeddings
    by_model = found.set_index(["task", "model"])
    assert by_model.loc[("beeps", "logmel ++ chance"), "dim"] == by_model.loc[("beeps", "logmel"), "dim"] + 1
    assert by_model.loc[("tones", "logmel ++ chance"), "spec"] == str(ab.Study.from_dict(content).models[1].spec)
