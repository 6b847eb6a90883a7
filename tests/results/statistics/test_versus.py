"""Two variants of a run, task by task."""

import time

import numpy as np
import pandas as pd
import pytest

from results.rows import rows
from results.rows.event_counts import f_measure
from results.statistics import swapped
from results.statistics.permutation import swap_test
from results.statistics.versus import comparisons, versus
from tests.results.tables.test_compose import crossed

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
    assert (esc50["score_a"], esc50["score_b"]) == pytest.approx((scores["good"], scores["bad"]))
    assert esc50["p_holm"] == pytest.approx(2 * esc50["p"])  # of two tasks
    assert esc50["p_holm"] < 0.01
    assert esc50["verdict"] == "differ"
    assert (esc50["clips"], esc50["seeds"]) == (CLIPS, "1")
    assert found["reason"].tolist() == [
        "",
        "no function for mAP; expected it in `metrics`",
        "",
    ]
    assert found.loc["fsd50k", ["difference", "p", "p_holm"]].isna().all()
    assert found.loc["fsd50k", "verdict"] == "not compared"


def test_events_are_compared_by_their_counts_in_each_clip(run):
    found = versus(run, "good", "bad").set_index("task").loc["dcase2016_task2"]
    events = 2 / (CLIPS + (np.random.default_rng(5).integers(0, 4, CLIPS) < 3).sum())
    scores = rows.read_rows(run).set_index(["task", "model"])["score"]["dcase2016_task2"]  # shares that are right
    assert found["difference"] == pytest.approx((scores["good"] - scores["bad"]) * CLIPS * events)
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert found["p"] < 0.01


def test_of_several_seeds_means_are_compared(tmp_path):
    found = versus(made(tmp_path, seeds=3), "good", "bad", {"mAP": accuracy}, resamples=200).set_index("task")
    means = rows.read_rows(tmp_path).groupby(["task", "model"])["score"].mean()
    for task in ("esc50", "fsd50k"):
        assert found.loc[task, "difference"] == pytest.approx(means[task, "good"] - means[task, "bad"])
    assert (found["seeds"] == "3").all()
    assert not found["notes"].str.contains("one seed").any()
    table = rows.read_rows(tmp_path)
    rows.write_rows(table[table["seed"] == 2].to_dict("records"), tmp_path / "rows.csv")
    one = versus(tmp_path, "good", "bad", {"mAP": accuracy}, resamples=200)
    assert (one["seeds"] == "1").all()
    assert one["notes"].str.contains("one seed: that training with another seed gives another score").all()


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
    assert found.loc["esc50", "verdict"] == "not compared"
    for file in files:
        file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match="no predictions at"):
        versus(run, "good", "bad")


def test_a_callers_metric_and_correction_over_tasks(run):
    found = versus(run, "good", "bad", {"mAP": accuracy}, resamples=200).set_index("task")
    assert found.loc["fsd50k", "difference"] == pytest.approx(found.loc["esc50", "difference"])
    assert found.loc["esc50", "p_holm"] == pytest.approx(3 * found.loc["esc50", "p"])


def test_models_of_one_embedding_are_not_compared(run):
    """Nothing is tested, so that the correction of other comparisons is not stricter for it."""
    found = versus(run, "bad", "bad", {"mAP": accuracy}, resamples=50)
    assert set(found["verdict"]) == {"not compared"}
    assert "both have the same embedding there" in set(found["reason"])
    assert found["p"].isna().all()


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


def rewrite(folder, change) -> None:
    """Change the arrays of every job."""
    for path in (folder / "jobs").glob("*.npz"):
        with np.load(path) as arrays:
            kept = dict(arrays)
        change(kept)
        np.savez(path, **kept)


def test_groups_are_the_units_and_are_told_where_they_are_not_recorded(run):
    before = versus(run, "good", "bad").set_index("task")
    assert np.isnan(before.loc["esc50", "groups"])
    assert "groups are not recorded in this run; clips are taken as independent" in before.loc["esc50", "notes"]

    def four_speakers(arrays) -> None:
        arrays["fold00.groups"] = np.array([f"speaker {int(file) % 4}" for file in arrays["fold00.files"]])

    rewrite(run, four_speakers)
    found = versus(run, "good", "bad").set_index("task")
    assert found.loc["esc50", "groups"] == 4
    assert found.loc["esc50", "reason"] == "4 independent groups; at least 6 are needed for 95%"
    assert found.loc["esc50", ["low", "high", "p_holm"]].isna().all()
    assert found.loc["esc50", "verdict"] == "not established"
    assert "groups" not in found.loc["esc50", "notes"]

    def no_groups(arrays) -> None:
        arrays["fold00.groups"] = np.array([""] * CLIPS)

    rewrite(run, no_groups)
    found = versus(run, "good", "bad").set_index("task")
    columns = ["difference", "low", "high", "p", "p_holm", "verdict"]
    assert found.loc["esc50", columns].tolist() == before.loc["esc50", columns].tolist()
    assert np.isnan(found.loc["esc50", "groups"])
    assert "groups" not in found.loc["esc50", "notes"]


def test_groups_that_one_of_the_runs_knows_are_used_either_way_round(run):
    for job in ("goodesc500", "badesc500"):
        path = run / "jobs" / f"{job}.npz"
        with np.load(path) as arrays:
            kept = dict(arrays)
        if job.startswith("bad"):
            kept["fold00.groups"] = np.array([f"speaker {int(file) % 8}" for file in kept["fold00.files"]])
        np.savez(path, **kept)
    forth, back = (versus(run, *models).set_index("task").loc["esc50"] for models in (("good", "bad"), ("bad", "good")))
    assert forth["groups"] == back["groups"] == 8
    assert forth["p"] == back["p"]


def test_a_clip_that_both_folders_of_a_key_test_is_one_unit(run):
    table = rows.read_rows(run).query("task == 'esc50'").assign(task="beehive", task_fp="first")
    alone = versus(run, "good", "bad").set_index("task").loc["esc50"]
    rows.write_rows(pd.concat([table, table.assign(task_fp="second")]).to_dict("records"), run / "rows.csv")
    (twice,) = versus(run, "good", "bad").itertuples()
    assert twice.clips == 2 * CLIPS
    assert twice.difference == pytest.approx(alone["difference"])
    assert twice.p == alone["p"]  # the same clips tell nothing more


def test_the_order_of_clips_changes_nothing(run):
    before = versus(run, "good", "bad", {"mAP": accuracy}, resamples=100)

    def reverse(arrays) -> None:
        for name, values in arrays.items():
            if not name.endswith(("offsets", "timestamps")):
                arrays[name] = values[::-1]

    rewrite(run, reverse)
    pd.testing.assert_frame_equal(versus(run, "good", "bad", {"mAP": accuracy}, resamples=100), before)


def test_a_key_with_two_folders_is_compared_on_both(run):
    """Beehive's key stands for two folders, whose folds have one name."""
    table = rows.read_rows(run).query("task == 'esc50'")
    first = table.assign(task="beehive", task_fp="first")
    second = first.assign(task_fp="second", job=first["job"] + "second")
    for row in second.itertuples():
        write_job(run, row.job, 0.6, 5, seed={"good": 3, "bad": 4}[row.model])

    def rename(arrays) -> None:
        arrays["fold00.files"] = np.char.add("other ", arrays["fold00.files"])

    one = versus(run, "good", "bad").set_index("task").loc["esc50"]
    rows.write_rows(pd.concat([first, second]).to_dict("records"), run / "rows.csv")
    for job in second["job"]:
        path = run / "jobs" / f"{job}.npz"
        with np.load(path) as arrays:
            kept = dict(arrays)
        rename(kept)
        np.savez(path, **kept)
    (both,) = versus(run, "good", "bad").itertuples()
    assert both.clips == 2 * CLIPS
    rows.write_rows(second.to_dict("records"), run / "rows.csv")
    (other,) = versus(run, "good", "bad").itertuples()
    assert both.difference == pytest.approx((one["difference"] + other.difference) / 2)
    mixed = pd.concat([first, second[second["model"] == "good"]])
    rows.write_rows(mixed.to_dict("records"), run / "rows.csv")
    (uneven,) = versus(run, "good", "bad").itertuples()
    assert uneven.reason.startswith("the scores are of other folders or versions of this task")


def test_a_score_that_is_missing_is_missing_in_the_comparison(run):
    table = rows.read_rows(run)
    here = (table["model"] == "bad") & (table["task"] == "dcase2016_task2")
    table.loc[here, "score"] = float("nan")
    table.loc[here, "reason"] = "no event was predicted"
    without = table[~((table["model"] == "good") & (table["task"] == "esc50"))]
    rows.write_rows(without.astype(object).where(without.notna(), None).to_dict("records"), run / "rows.csv")
    found = versus(run, "good", "bad").set_index("task")
    assert found.loc["dcase2016_task2", "reason"] == "bad has no score: no event was predicted"
    assert found.loc["esc50", "reason"] == "good has no score of it"
    assert (found["verdict"] == "not compared").all()
    assert found["difference"].isna().all()


def test_all_pairs_are_corrected_together(run):
    one = comparisons(run, [("good", "bad")], {"mAP": accuracy}, resamples=200)
    three = comparisons(run, [("good", "bad"), ("bad", "good"), ("bad", "bad")], {"mAP": accuracy}, resamples=200)
    assert three["p"].tolist()[:3] == one["p"].tolist()
    assert len(three) == 9
    assert (three["p_holm"].iloc[:3] > one["p_holm"]).all()
    assert three["verdict"].tolist() == ["differ"] * 6 + ["not compared"] * 3


def test_3000_clips_in_six_groups_and_events_take_seconds(tmp_path):
    rng = np.random.default_rng(0)
    right = rng.random((2, 3, 3000)) < 0.8
    units = [np.arange(3000) // 500]
    found = rng.integers(0, 9, (2, 3, 300, 3))
    start = time.process_time()
    swap_test(swapped.of_shares(*([[seed] for seed in side] for side in right), units))
    swap_test(swapped.of_shares(*([[seed] for seed in side] for side in right), [np.arange(3000)]))
    swap_test(swapped.of_counts(*([[seed] for seed in side] for side in found), [np.arange(300)], f_measure))
    assert time.process_time() - start < 5
