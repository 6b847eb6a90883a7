"""Result files for mteb: embeddings evaluated anew by its protocol, and nothing of what does not compare."""

import json

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from ablations.cli import main
from ablations.submit import mteb_protocol, mteb_results
from ablations.submit.chosen import Chosen
from ablations.submit.mteb_results import meta_of, task_table
from results.rows import rows as result_rows
from tests.ablations.submit.gunshots import NAME, write_gunshots
from tests.ablations.submit.runs import rows_of, write_run


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A run of two models on a task of HEAR's name and one of our own, under another protocol than HEAR's."""
    folder = tmp_path_factory.mktemp("mteb")
    write_gunshots(folder / "tasks")
    models = [{"checkpoint": "logmel"}, {"checkpoint": "melproj"}]
    study = folder / "mine.yaml"
    study.write_text(yaml.safe_dump({"name": "mine", "models": models, "tasks": ["gunshot"], "protocol": "knn+limit5"}))
    places = ["--runs", folder / "runs", "--tasks", folder / "tasks", "--store", folder / "store", "--device", "cpu"]
    assert invoke("run", study, *places).exit_code == 0
    return folder, places


@pytest.fixture(scope="module")
def submitted(places):
    folder, options = places
    return invoke("submit", "mine", "--to", "mteb", "--out", folder / "out", *options)


def test_a_file_for_each_model_and_task_lies_where_mteb_looks(places, submitted):
    folder, _ = places
    assert submitted.exit_code == 0, submitted.output
    (row,) = (
        result_rows.read_rows(folder / "runs" / "mine").query("model == 'logmel'").groupby("model").head(1).itertuples()
    )
    place = folder / "out" / "results" / "embedding-ablations__logmel" / row.embedder_fp
    assert submitted.stdout.split() == [str(place / "GunshotTriangulation.json"), str(place / "model_meta.json")]
    assert sorted(path.name for path in (folder / "out").rglob("*.json")) == [
        *("GunshotTriangulation.json", "model_meta.json")
    ]
    assert "Scores of the run are left out" in submitted.stderr
    assert "melproj: left out, untrained weights are a floor" in submitted.stderr


def test_the_result_is_of_all_clips_by_mtebs_protocol(places, submitted):
    folder, _ = places
    (file,) = (folder / "out").rglob("GunshotTriangulation.json")
    result = json.loads(file.read_text())
    assert result["task_name"] == "GunshotTriangulation"
    assert result["dataset_revision"] == f"hear2021:{NAME}"
    assert result["mteb_version"] is None
    ((split, (scores,)),) = result["scores"].items()
    assert (split, scores["hf_subset"], scores["languages"]) == ("train", "default", ["zxx-Zxxx"])
    assert len(scores["scores_per_experiment"]) == 5
    means = np.mean([[fold[name] for name in ("accuracy", "f1")] for fold in scores["scores_per_experiment"]], axis=0)
    assert [scores["accuracy"], scores["f1"]] == pytest.approx(means.tolist(), abs=2e-6)
    assert scores["main_score"] == scores["accuracy"]
    assert scores["accuracy"] > 0.4, "four labels, which the embedding tells apart in part"
    rows = result_rows.read_rows(folder / "runs" / "mine").query("model == 'logmel'")
    assert scores["accuracy"] != pytest.approx(rows["score"].mean())


def test_a_task_with_other_clips_is_no_result(places, tmp_path):
    _, options = places
    write_gunshots(tmp_path / "tasks", clips=80)
    options = [tmp_path / "tasks" if place == options[3] else place for place in options]
    done = invoke("submit", "mine", "--to", "mteb", "--out", tmp_path / "out", *options)
    assert done.exit_code == 1
    assert "Not comparable: gunshot: 80 clips, mteb has 88." in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_mteb_does_not_have_is_named_with_the_reason(tmp_path):
    made = [row for key in ("beijing_opera", "dcase2016_task2", "maestro_5h", "fsd50k") for row in rows_of("base", key)]
    folder = write_run(tmp_path / "mine", made)
    done = invoke("submit", folder, "--to", "mteb")
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert "Not comparable: dcase2016_task2, maestro_5h: mteb has no task of events." in lines
    assert "Not comparable: fsd50k: mteb has a part of its clips and scores them by lrap." in lines
    assert any(line.startswith("Not comparable: beijing_opera: HEAR pads or cuts its clips") for line in lines)
    assert lines[-1].endswith("no task that mteb has with the same clips, so no file")
    assert not (folder / "mteb").exists()


def test_models_that_are_no_vector_without_their_probe_are_named(tmp_path):
    made = [*rows_of("weighted", "gunshot"), *rows_of("base", "gunshot")]
    (line,) = mteb_results.pooled(Chosen.of(write_run(tmp_path / "mine", made)))
    assert line == "Not comparable: weighted: probes pool levels or tokens; mteb takes a vector."


def test_names_are_such_as_mteb_takes(places, tmp_path):
    _, options = places
    wrong = invoke("submit", "mine", "--to", "mteb", "--name", "logmel", *options)
    assert wrong.output == "Error: --name must be ORGANIZATION/MODEL for mteb, got 'logmel'\n"
    done = invoke("submit", "mine", "--to", "mteb", "--name", "lab/log mel", "--out", tmp_path, *options)
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name == "lab__log_mel"
    (meta,) = folder.glob("*/model_meta.json")
    assert json.loads(meta.read_text())["name"] == "lab/log mel"
    assert done.exit_code == 0
    chosen = Chosen.of(write_run(tmp_path / "mine", rows_of("base", "gunshot")))
    assert meta_of(chosen, "base", 7, url="https://example.org")["name"] == "embedding-ablations/base"


def test_every_hear_task_has_a_row_with_a_task_or_a_reason():
    table = task_table()
    assert list(table) == sorted(result_rows.task_table().index)
    for key, row in table.items():
        assert bool(row["why_not"]) or (
            row["mteb_task"] and int(row["clips"]) == result_rows.task_table().loc[key, "clips"]
        )
    assert [key for key, row in table.items() if not row["why_not"]] == [
        "esc50",
        "gtzan_genre",
        "gunshot",
        "libricount",
    ]


def test_probes_see_eight_clips_of_each_label(monkeypatch):
    stream = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [60, 30, 7])
    x = stream.normal(size=(97, 4)).astype(np.float32)
    seen = []
    fit = LogisticRegression.fit
    monkeypatch.setattr(LogisticRegression, "fit", lambda self, x, y: (seen.append((x, y)), fit(self, x, y))[1])
    folds = mteb_protocol.evaluate(x, labels)
    assert len(folds) == len(seen) == 5
    for drawn, of in seen:
        assert np.bincount(of).tolist()[:2] == [8, 8]
        assert np.bincount(of)[2] <= 7
        places = [int(np.flatnonzero((x == row).all(axis=1))[0]) for row in drawn]
        assert labels[places].tolist() == of.tolist()
