"""What `ablate submit --to mteb` writes, read by the package mteb itself, in the environment that `make mteb` makes."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.submit import mteb_check, mteb_protocol
from ablations.submit.mteb_results import task_table
from results.rows import rows as result_rows
from tests.ablations.submit.gunshots import write_gunshots

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("MTEB_PYTHON") or ROOT / ".mteb" / "bin" / "python")
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the package mteb: `make mteb` makes its environment")


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """What mteb says of files, tasks and embeddings, asked once."""
    folder = tmp_path_factory.mktemp("package")
    write_gunshots(folder / "tasks")
    study = folder / "mine.yaml"
    models = [{"checkpoint": "logmel"}, {"checkpoint": "passt_demo", "levels": [["block6"], ["logits"]]}]
    study.write_text(yaml.safe_dump({"name": "mine", "models": models, "tasks": ["gunshot"], "protocol": "knn"}))
    places = ["--runs", folder / "runs", "--tasks", folder / "tasks", "--store", folder / "store", "--device", "cpu"]
    for command in (["run", study], ["submit", "mine", "--to", "mteb", "--out", folder / "out"]):
        done = CliRunner().invoke(main, list(map(str, [*command, *places])))
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["submit", str(folder / "runs" / "mine"), "--to", "card", "--model", "logmel"])
    (folder / "card.md").write_text(done.stdout)
    stream = np.random.default_rng(0)
    y = stream.integers(0, 7, 237)
    x = (np.eye(7)[y] @ stream.normal(size=(7, 40)) * 0.5 + stream.normal(size=(237, 40))).astype(np.float32)
    np.savez(folder / "embeddings.npz", x=x, y=y)
    names = sorted({row["mteb_task"] for row in task_table().values()} - {""})
    asked = {"results": str(folder / "out"), "tasks": names, "embeddings": str(folder / "embeddings.npz")}
    asked["card"] = str(folder / "card.md")
    (folder / "request.json").write_text(json.dumps(asked))
    command = [PYTHON, mteb_check.__file__, folder / "request.json"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "MTEB_CACHE": str(folder / "cache")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "folder": folder, "x": x, "y": y}


def test_the_version_is_the_one_that_the_protocol_was_read_from(answer):
    assert answer["version"] == mteb_protocol.VERSION


def test_mteb_reads_every_file_and_finds_its_score(answer):
    written = {
        path.parent.parent.name: json.loads(path.read_text())
        for path in (answer["folder"] / "out").rglob("GunshotTriangulation.json")
    }
    read = {row["model"].replace("/", "__"): row for row in answer["results"]}
    assert (
        set(read)
        == set(written)
        == {
            *("embedding-ablations__logmel", "embedding-ablations__passt_demo-block6"),
            "embedding-ablations__passt_demo-logits",
        }
    )
    for name, row in read.items():
        assert row["score"] == written[name]["scores"]["train"][0]["accuracy"]
        assert row["is_where_mteb_looks"]
        assert row["loaded"]


def test_mtebs_own_code_gives_the_same_scores_of_the_same_embeddings(answer):
    ours = mteb_protocol.evaluate(answer["x"], answer["y"])
    theirs = answer["embeddings"]["folds"]
    assert 0.5 < answer["embeddings"]["accuracy"] < 0.99
    for fold, other in zip(ours, theirs, strict=True):
        assert fold == pytest.approx({name: other[name] for name in fold}, abs=1e-12)
        assert {name for name, value in other.items() if value is not None} == set(fold)


def test_the_hubs_library_reads_a_card(answer):
    scores = result_rows.read_rows(answer["folder"] / "runs" / "mine").query("primary and model == 'logmel'")["score"]
    assert answer["card"] == {"name": "logmel", "results": [["gunshot", "top1_acc", round(scores.mean(), 6)]]}


def test_what_the_table_says_of_tasks_is_what_mteb_says(answer):
    hear = result_rows.task_table()
    for key, row in task_table().items():
        if not row["mteb_task"]:
            continue
        task = answer["tasks"][row["mteb_task"]]
        assert task["languages"] == row["languages"].split()
        compares = (
            task["is_cross_validation"]
            and task["main_score"] == "accuracy"
            and task["splits"] == ["train"]
            and task["clips"]["train"] == hear.loc[key, "clips"]
            and all(abs(seconds - float(hear.loc[key, "clip_s"])) < 1 for seconds in task["seconds"]["train"])
        )
        assert compares is not bool(row["why_not"]), key
        if row["clips"]:
            assert task["clips"] == {"train": int(row["clips"])}
        if compares:
            assert task["probe"] == ["LogisticRegression", 1.0, mteb_protocol.MOST_ITERATIONS]
            assert (task["n_splits"], task["samples_per_label"], task["seed"]) == (
                *(mteb_protocol.FOLDS, mteb_protocol.CLIPS_A_LABEL, mteb_protocol.SEED),
            )
