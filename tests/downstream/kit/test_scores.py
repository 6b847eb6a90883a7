"""Score files are hear-eval-kit's key by key; tests/reference/heareval_scores/README.md says how its were made."""

import json
import math
import shutil

import pandas as pd
import pytest

from downstream.evaluate import evaluate
from downstream.kit import read, scores
from tests.reference_values import REFERENCE

FILES = sorted((REFERENCE / "heareval_scores").glob("*.json"))
BY_CHANCE = {"hidden_layers", "lr", "initialization"}  # which probe configuration was best


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def pair(request, tmp_path_factory):
    """The kit's file, and ours of a copy of the folder."""
    name = request.param.stem
    nothing = name == "event_nothing_predicted"
    folder = shutil.copytree(
        REFERENCE / "heareval" / ("event" if nothing else name), tmp_path_factory.mktemp("kit") / name
    )
    metadata = json.loads((folder / "task_metadata.json").read_text())
    params = metadata.setdefault("evaluation_params", {})
    params["task_specific_param_grid"] = {
        "max_epochs": [1 if nothing else 2],
        "check_val_every_n_epoch": [1],
    }
    if nothing:
        params["event_postprocessing_grid"] = {"median_filter_ms": [250], "min_duration": [1000000]}
    (folder / "task_metadata.json").write_text(json.dumps(metadata))
    task, splits = read.read_folder(folder)
    results = evaluate(task, splits, protocol="hear2021+grid2")
    scores.write_scores(folder / scores.NAME, scores.scores_record(task, results))
    return json.loads(request.param.read_text()), json.loads((folder / scores.NAME).read_text()), folder


def shape(value):
    """Keys in their order and types, all the way down."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def test_there_are_files_of_every_kind():
    assert len(FILES) == 5


def test_keys_order_and_types(pair):
    theirs, ours, _ = pair
    assert shape(ours) == shape(theirs)


def test_what_does_not_depend_on_chance(pair):
    theirs, ours, folder = pair
    assert ours["embedding_path"] == str(folder)
    assert ours["score_mode"] == theirs["score_mode"]
    fixed = {name: value for name, value in theirs["hparams"].items() if name not in BY_CHANCE}
    assert {name: ours["hparams"][name] for name in fixed} == fixed
    without_address = theirs["hparams"]["initialization"].split(" at ")[0] + ">"
    assert without_address in ("<function xavier_uniform_>", "<function xavier_normal_>")
    assert ours["hparams"]["initialization"] in ("<function xavier_uniform_>", "<function xavier_normal_>")
    assert [name for name, _ in ours["postprocessing"]] == [name for name, _ in theirs["postprocessing"]]


@pytest.mark.parametrize("pair", [path for path in FILES if "nothing" in path.stem], indirect=True)
def test_nothing_predicted_is_nan(pair):
    theirs, ours, _ = pair
    chance = ("test_loss", "time_in_min")
    for name, value in theirs["test"].items():
        if name not in chance:
            assert ours["test"][name] == pytest.approx(value, nan_ok=True, abs=0), name
    assert math.isnan(ours["test"]["test_score"])
    assert ours["test"]["validation_score"] == -math.inf


def test_means_are_those_of_the_folds(pair):
    theirs, ours, _ = pair
    assert ("aggregated_scores" in ours) == ("aggregated_scores" in theirs)
    for record in (theirs, ours) if "aggregated_scores" in theirs else ():
        folds = pd.DataFrame([record[f"fold0{i}"] for i in range(3)])
        for name in folds:
            assert record["aggregated_scores"][f"{name}_mean"] == pytest.approx(folds[name].mean(), rel=1e-12)
            assert record["aggregated_scores"][f"{name}_std"] == pytest.approx(folds[name].std(ddof=1), rel=1e-12)
