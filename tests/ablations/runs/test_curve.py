"""Label curves of a study: its studies, and the command from the study to the table."""

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs.curve import curve_studies
from tests.ablations.runs.test_plan import MODELS, counting
from tests.ablations.units.test_unit import study_of

__all__ = ["counting"]


def test_a_study_for_each_number_of_labels(scene_task):
    declared = study_of([scene_task()], MODELS, seeds=[7], protocol="hear2021")
    studies = curve_studies(declared, "knn+limit20", fewshot=[4, 1, 4], draws=3)
    assert [study.protocol for study in studies] == ["knn+limit20+fewshot1", "knn+limit20+fewshot4"]
    assert [study.name for study in studies] == ["knn-limit20-fewshot1", "knn-limit20-fewshot4"]
    assert {study.seeds for study in studies} == {(0, 1, 2)}
    shares = curve_studies(declared, "ridge", fraction=[0.1, 1.0], draws=1)
    assert [study.protocol for study in shares] == ["ridge+fraction0.1", "ridge"]


@pytest.mark.parametrize(
    ("protocol", "options", "message"),
    [
        ("knn+fewshot1", {"fewshot": [2]}, "draws training clips already"),
        ("knn", {}, "needs fewshot or fraction, and not both"),
        ("knn", {"fewshot": [1], "fraction": [0.1]}, "needs fewshot or fraction, and not both"),
        ("knn", {"fewshot": [1], "draws": 0}, "draws must be at least 1, got 0"),
        ("knn", {"fewshot": [0]}, "unknown protocol 'knn.fewshot0'"),
        ("knn", {"fraction": [1.5]}, "unknown protocol 'knn.fraction1.5'"),
    ],
)
def test_curves_that_are_none(scene_task, protocol, options, message):
    with pytest.raises(ValueError, match=message):
        curve_studies(study_of([scene_task()], MODELS), protocol, **options)


def test_the_command_from_a_study_to_its_table(tmp_path, scene_task, counting, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"name": "mine", "models": MODELS[:1], "tasks": [str(scene_task(clips=16))], "seeds": [0]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    call = ["curve", "mine.yaml", "--protocol", "ridge", "--fewshot", "1,4", "--draws", "2", "--store", "store"]
    done = CliRunner().invoke(main, [*call, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "runs" / "mine.curve"
    points = pd.read_csv(folder / "points.csv")
    assert sorted(points["labels"].unique()) == [1, 4]
    assert sorted(points["seed"].unique()) == [0, 1]
    table = pd.read_csv(folder / "table.csv")
    assert set(table["model"]) == set(points["model"])
    assert (folder / "figure.png").is_file()
    assert "labels_needed" in done.output
    embedded = counting.clips
    again = CliRunner().invoke(main, [*call, "--device", "cpu"])
    assert again.exit_code == 0, again.output
    assert counting.clips == embedded, "nothing is embedded twice"
    wrong = CliRunner().invoke(main, ["curve", "mine.yaml", "--fewshot", "1,x"])
    assert "--fewshot must be whole numbers such as 1,2,4,8, got '1,x'" in wrong.output
