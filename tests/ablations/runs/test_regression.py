"""A regression task through a study: rows, table, figures, comparisons, and protocols that it can't have."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.metrics import r2_score

from ablations.cli import main
from results.rows.predictions import read_predictions
from results.rows.rows import read_rows
from results.statistics.bootstrap import bootstrap

MODELS = [
    {"checkpoint": "passt_demo", "weights": "untrained-0", "levels": [["block1"], ["block6"]]},
    {"checkpoint": "logmel"},
    {"checkpoint": "chance"},
]
FIGURES = ("bars", "heatmap", "along_level", "overview", "grouped_bars")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a study on a regression task and a multiclass one, which has been run; calls commands there."""
    from tests.conftest import write_pitches, write_tones

    base = tmp_path_factory.mktemp("regression")
    folder = write_pitches(base / "tasks" / "pitches", split_mode="presplit_kfold", splits=["a", "b", "c"])
    groups = {split: {f"{split}{i}.wav": f"{split} {i // 2}" for i in range(12)} for split in "abc"}
    (folder / "groups.json").write_text(json.dumps(groups))
    write_tones(base / "tasks" / "tones", clips=8)
    study = {"name": "mine", "models": MODELS, "tasks": ["pitches", "tones"], "protocol": "hear2021+grid1+linear"}
    (base / "mine.yaml").write_text(yaml.safe_dump(study))

    def invoke(*arguments):
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(base)
            patched.setenv("ABLATE_STORE", str(base / "store"))
            patched.setenv("HEAR_TASKS", str(base / "tasks"))
            patched.setenv("PASST_OFFLINE", "1")
            return CliRunner().invoke(main, [str(argument) for argument in arguments])

    done = invoke("run", "mine.yaml")
    assert done.exit_code == 0, done.output
    return base, invoke


def test_rows_and_predictions(run):
    base, _ = run
    rows = read_rows(base / "runs" / "mine")
    rows = rows[rows["task"] == "pitches"]
    assert set(rows["metric"]) == {"r2", "pearson"}
    assert len(rows) == 4 * 3 * 2
    primary = rows[rows["primary"].astype(bool)]
    assert set(primary["metric"]) == {"r2"}
    for row in primary.itertuples():
        (fold,) = (one for one in read_predictions(base / "runs" / "mine", row.job) if one.fold == row.fold)
        assert fold.target.dtype == np.float32
        assert fold.target.shape == (12, 1)
        wide = fold.target.astype(float), fold.prediction.astype(float)
        assert row.score == pytest.approx(r2_score(*wide), abs=1e-9)
    chance = rows[rows["model"] == "chance"].set_index(["metric", "fold"])
    assert (chance.loc["r2", "score"] <= 0).all()
    assert chance.loc["pearson", "score"].isna().all()
    assert chance.loc[("pearson", "a"), "reason"] == "the same 'target' is predicted for each item of a"


def test_the_table_has_a_column_of_its_metric(run):
    base, invoke = run
    done = invoke("table", "runs/mine", "--format", "csv")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(base / "runs" / "mine" / "table.csv")
    assert "pitches (r2)" in done.output
    assert len(table) == 4


def test_comparisons_on_clips(run):
    _, invoke = run
    done = invoke("compare", "runs/mine", "logmel", "chance")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "r2" in text
    assert "no function for r2" not in text
    assert "18" in text, "groups of two clips are the independent units"


@pytest.mark.parametrize("figure", FIGURES)
def test_figures(run, figure):
    base, invoke = run
    done = invoke("figure", "mine.yaml", "--kind", figure, "--out", base / f"{figure}.png")
    assert done.exit_code == 0, done.output
    assert (base / f"{figure}.png").stat().st_size > 0


def test_an_interval_by_the_bootstrap(run):
    base, _ = run
    rows = read_rows(base / "runs" / "mine")
    job = rows.loc[(rows["model"] == "logmel") & (rows["task"] == "pitches"), "job"].iloc[0]
    folds = read_predictions(base / "runs" / "mine", job)
    found = bootstrap([(fold.prediction, fold.target) for fold in folds], lambda p, y: r2_score(y, p), resamples=200)
    mean = rows.loc[(rows["job"] == job) & (rows["metric"] == "r2"), "score"].mean()
    assert found.estimate == pytest.approx(mean, rel=1e-5)
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ("logistic", "logistic regression predicts labels (ridge predicts numbers)"),
        ("ridge+fewshot2", "fewshot2 draws clips of each label (fraction0.1 draws a share of all)"),
    ],
)
def test_protocols_that_need_labels_are_not_applicable(run, protocol, reason):
    base, invoke = run
    content = {**yaml.safe_load((base / "mine.yaml").read_text()), "models": [{"checkpoint": "chance"}]}
    name = protocol.replace("+", "-")
    (base / f"{name}.yaml").write_text(yaml.safe_dump({**content, "name": name, "protocol": protocol}))
    done = invoke("run", f"{name}.yaml")
    assert done.exit_code == 0, done.output
    assert f"on pitches: the targets of a regression task are numbers, and {reason}" in " ".join(done.output.split())
    assert set(read_rows(base / "runs" / name)["task"]) == {"tones"}
    planned = invoke("plan", f"{name}.yaml")
    assert planned.exit_code == 0, planned.output


def test_a_curve_of_shares(run):
    base, invoke = run
    content = yaml.safe_load((base / "mine.yaml").read_text())
    shares = {**content, "name": "shares", "models": [{"checkpoint": "logmel"}], "tasks": ["pitches"]}
    (base / "shares.yaml").write_text(yaml.safe_dump(shares))
    done = invoke("curve", "shares.yaml", "--protocol", "ridge", "--fraction", "0.5,1", "--draws", "2")
    assert done.exit_code == 0, done.output
    (line,) = pd.read_csv(base / "runs" / "shares.curve" / "table.csv").itertuples()
    assert (line.model, line.metric) == ("logmel", "r2")
    assert math.isfinite(line.area)


def test_a_kit_folder_is_refused(run):
    base, invoke = run
    done = invoke("export", "logmel", "pitches", "--out", base / "kit")
    assert done.exit_code == 1, done.output
    assert "hear-eval-kit has no form for one" in done.output
    assert not (base / "kit").exists()
