"""Two variants of a run, task by task."""

import numpy as np
import pandas as pd
import pytest

from results import rows
from results.versus import versus
from tests.results.test_tables import crossed

CLIPS = 40


def write_job(folder, job: str, share: float, clips: int, event: bool = False, seed: int = 0) -> float:
    """Predictions of which a share is right; the accuracy."""
    rng = np.random.default_rng(clips)
    label = rng.integers(0, 4, CLIPS)
    rng = np.random.default_rng(seed)
    right = rng.random(CLIPS) < share
    said = np.where(right, label, (label + 1) % 4)
    order = rng.permutation(CLIPS)
    arrays = {
        "files": np.array([f"{i:03d}" for i in range(CLIPS)])[order],
        "prediction": np.eye(4, dtype=np.float32)[said][order],
        "target": np.eye(4, dtype=np.uint8)[np.arange(CLIPS) % 4 if event else label][order],
        "offsets": np.arange(CLIPS + 1),
        "timestamps": np.arange(CLIPS) * 50.0 if event else np.array([]),
    }
    if event:  # of a clip, at most one event is wanted, and one predicted
        arrays["counts"] = np.stack([right, np.ones(CLIPS), label < 3], 1).astype(int)[order]
    np.savez(folder / "jobs" / f"{job}.npz", **{f"fold00.{name}": values for name, values in arrays.items()})
    return float(right.mean())


def made(folder, seeds: int):
    """A run of two models; under another seed a model is right about other clips, which come in another order."""
    (folder / "jobs").mkdir()
    found = crossed(models=("good", "bad"), tasks=("esc50", "fsd50k", "dcase2016_task2"), folds=1, seeds=seeds)
    found["job"] = found["model"] + found["task"] + found["seed"].astype(str)
    shares = {"good": 0.95, "bad": 0.4}
    for row in found.itertuples():
        event = row.task == "dcase2016_task2"
        found.loc[row.Index, "score"] = write_job(folder, row.job, shares[row.model], 5, event, row.seed)
    rows.write_rows(found.astype(object).where(found.notna(), None).to_dict("records"), folder / "rows.csv")
    return folder


@pytest.fixture
def run(tmp_path):
    return made(tmp_path, seeds=1)


def accuracy(prediction, target) -> float:
    return float((prediction.argmax(1) == target.argmax(1)).mean())


def test_a_difference_is_found_where_there_is_one(run):
    found = versus(run, "good", "bad").set_index("task")
    scores = rows.read_rows(run).set_index(["task", "model"])["score"]["esc50"]
    esc50 = found.loc["esc50"]
    assert esc50["difference"] == pytest.approx(scores["good"] - scores["bad"])
    assert 0 < esc50["low"] < esc50["difference"] < esc50["high"]
    assert esc50["p_holm"] == pytest.approx(2 * esc50["p"])  # of two tasks
    assert esc50["p_holm"] < 0.01
    assert esc50["p_mcnemar"] < 0.01
    assert found["reason"].tolist() == [
        "",
        "no function for mAP; expected it in `metrics`",
        "",
    ]
    assert found.loc["fsd50k", ["difference", "p", "p_holm", "p_mcnemar"]].isna().all()


def test_events_are_compared_by_their_counts_in_each_clip(run):
    found = versus(run, "good", "bad").set_index("task").loc["dcase2016_task2"]
    events = 2 / (CLIPS + (np.random.default_rng(5).integers(0, 4, CLIPS) < 3).sum())
    scores = rows.read_rows(run).set_index(["task", "model"])["score"]["dcase2016_task2"]  # shares that are right
    assert found["difference"] == pytest.approx((scores["good"] - scores["bad"]) * CLIPS * events)
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert found["p"] < 0.01
    assert np.isnan(found["p_mcnemar"])


def test_of_several_seeds_means_are_compared(tmp_path):
    found = versus(made(tmp_path, seeds=3), "good", "bad", {"mAP": accuracy}, resamples=200).set_index("task")
    means = rows.read_rows(tmp_path).groupby(["task", "model"])["score"].mean()
    for task in ("esc50", "fsd50k"):
        assert found.loc[task, "difference"] == pytest.approx(means[task, "good"] - means[task, "bad"])
    assert (found["seeds"] == "0, 1, 2").all()
    assert found["p_mcnemar"].isna().all()
    table = rows.read_rows(tmp_path)
    rows.write_rows(table[table["seed"] == 2].to_dict("records"), tmp_path / "rows.csv")
    one = versus(tmp_path, "good", "bad", {"mAP": accuracy}, resamples=200).set_index("task")
    width = found["high"] - found["low"]
    assert (width < one["high"] - one["low"]).all()  # half of what is right by chance is averaged away


def test_a_run_that_kept_no_counts_of_events(run):
    job = run / "jobs" / "baddcase2016_task20.npz"
    with np.load(job) as arrays:
        kept = {name: values for name, values in arrays.items() if not name.endswith(".counts")}
    np.savez(job, **kept)
    found = versus(run, "good", "bad").set_index("task")
    assert found.loc["dcase2016_task2", "reason"].startswith("no counts of events in each clip")


def test_a_task_without_predictions_has_the_reason_and_a_run_without_any_is_an_error(run):
    files = sorted((run / "jobs").iterdir())
    (run / "jobs" / "badesc500.npz").unlink()
    found = versus(run, "good", "bad", {"mAP": accuracy}, resamples=50).set_index("task")
    assert found.loc["esc50", "reason"].startswith("no predictions at")
    assert (found["reason"] == "").sum() == 2
    for file in files:
        file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match="no predictions at"):
        versus(run, "good", "bad")


def test_a_callers_metric_and_correction_over_tasks(run):
    found = versus(run, "good", "bad", {"mAP": accuracy}, resamples=200).set_index("task")
    assert found.loc["fsd50k", "difference"] == pytest.approx(found.loc["esc50", "difference"])
    assert found.loc["esc50", "p_holm"] == pytest.approx(3 * found.loc["esc50", "p"])


def test_a_model_against_itself_finds_nothing(run):
    found = versus(run, "bad", "bad", {"mAP": accuracy}, resamples=50)
    compared = found[found["reason"] == ""]
    assert (compared[["difference", "low", "high"]] == 0).all(axis=None)
    assert (compared[["p", "p_holm"]] == 1).all(axis=None)
    assert compared["p_mcnemar"].tolist()[0] == 1


def test_exchanging_the_models_turns_the_signs(run):
    forth, back = (versus(run, *models).iloc[0] for models in (("good", "bad"), ("bad", "good")))
    assert pd.Series(back[["difference", "low", "high"]]).tolist() == [
        -forth["difference"],
        -forth["high"],
        -forth["low"],
    ]
    assert back["p"] == forth["p"]


def test_a_model_that_is_not_there(run):
    with pytest.raises(ValueError, match="unknown model 'x' in .*; expected one of good, bad"):
        versus(run, "x", "bad")
