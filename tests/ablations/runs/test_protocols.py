"""A study under several protocols: its studies, and the command from the study, or from runs, to the tables."""

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs.protocols import DEFAULT, protocol_studies
from ablations.study.study import Study
from tests.ablations.runs.test_plan import MODELS, counting
from tests.ablations.units.test_unit import study_of
from tests.results.protocols.simulated import answers, write_run

__all__ = ["counting"]
SHARES = {f"m{place}": 0.2 + 0.1 * place for place in range(6)}


def test_a_study_for_each_protocol(scene_task):
    declared = study_of([scene_task()], MODELS, seeds=[7], protocol="hear2021")
    studies = protocol_studies(declared, ["knn", "logistic+fewshot8", "knn"], draws=2)
    assert [study.name for study in studies] == ["knn", "logistic-fewshot8"]
    assert [study.seeds for study in studies] == [(7,), (0, 1)]
    assert len(protocol_studies(declared)) == len(DEFAULT)


@pytest.mark.parametrize(
    ("names", "draws", "message"),
    [
        (["knn", "knn"], 1, "expected two protocols or more, got knn"),
        (["knn", "ridge"], 0, "draws must be at least 1, got 0"),
        (["knn", "rigde"], 1, "unknown protocol 'rigde'"),
    ],
)
def test_protocols_that_are_none(scene_task, names, draws, message):
    with pytest.raises(ValueError, match=message):
        protocol_studies(study_of([scene_task()], MODELS), names, draws)


def test_the_packaged_study_names_pairs_along_every_axis():
    study = Study.load("protocols")
    assert len(study.models) == len({model.label for model in study.models}) > 30
    assert len(study.comparisons) > 20


def test_the_command_from_a_study_to_its_tables(tmp_path, scene_task, counting, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = {"name": "mine", "models": MODELS, "tasks": [str(scene_task(clips=16))]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    call = ["protocols", "mine.yaml", "--protocol", "ridge", "--protocol", "knn", "--store", "store"]
    done = CliRunner().invoke(main, [*call, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "runs" / "mine.protocols"
    assert set(pd.read_csv(folder / "agreement.csv")["a"]) == {"ridge"}
    ranks = pd.read_csv(folder / "ranks.csv")
    assert {"ridge", "knn"} <= set(ranks)
    assert not (folder / "conclusions.csv").exists(), "the study names no pairs"
    assert "## Agreement of protocols" in done.output
    embedded = counting.clips
    again = CliRunner().invoke(main, [*call, "--device", "cpu"])
    assert again.exit_code == 0, again.output
    assert counting.clips == embedded, "nothing is embedded twice"


def test_runs_that_are_there_are_taken_as_they_are(tmp_path):
    folders = [
        str(write_run(tmp_path / name, name, {"esc50": answers(SHARES, 60, seed)}))
        for seed, name in enumerate(("knn", "ridge"))
    ]
    done = CliRunner().invoke(main, ["protocols", *folders, "--resamples", "20", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("ranks.csv", "agreement.csv", "protocols.md", "ranks.png", "agreement.png"),
    }
    assert np.isfinite(pd.read_csv(tmp_path / "out" / "agreement.csv")["low"]).all()
    wrong = CliRunner().invoke(main, ["protocols", *folders, "--protocol", "knn"])
    assert "--protocol is for one STUDY that is run" in wrong.output
    twice = CliRunner().invoke(main, ["protocols", folders[0], folders[0]])
    assert twice.exit_code == 1
    assert "are both of protocol knn; expected one run of each" in twice.output
