import numpy as np
import pytest
from scipy.stats import kendalltau

from results.protocols.agreement import agreement, few_models, tau_interval
from results.protocols.kendall import orders, tau_b
from results.protocols.ranks import OVERALL, ranks
from results.protocols.runs import read_runs
from results.protocols.units import drawable
from results.statistics.bootstrap import bootstrap
from tests.results.protocols.simulated import EVENTS, answers, write_run

SHARES = {"m1": 0.3, "m2": 0.4, "m3": 0.5, "m4": 0.6, "m5": 0.7, "m6": 0.8}
TURNED = dict(zip(SHARES, (0.4, 0.3, 0.5, 0.6, 0.8, 0.7), strict=True))
CLIPS = 120


def two_runs(folder, tasks=("esc50",), shares=SHARES, others=TURNED, groups=None, clips=CLIPS):
    made = [
        write_run(
            folder / name,
            name,
            {task: answers(of, clips, 10 * seed + number) for number, task in enumerate(tasks)},
            groups,
        )
        for seed, (name, of) in enumerate((("knn", shares), ("ridge", others)))
    ]
    return read_runs(made)


def test_tau_is_scipys_of_the_tables_scores(tmp_path):
    runs = two_runs(tmp_path, ("esc50", EVENTS))
    table = agreement(runs, resamples=50).set_index("task")
    for task in ("esc50", EVENTS):
        one, other = (run.means[task] for run in runs)
        assert table.loc[task, "tau"] == pytest.approx(kendalltau(one, other).statistic)
        assert table.loc[task, "models"] == 6
    means = ranks(runs).set_index(["task", "model"]).loc[OVERALL]
    assert table.loc[OVERALL, "tau"] == pytest.approx(kendalltau(means["knn"], means["ridge"]).statistic)
    assert table.loc[OVERALL, "units"] == 2 * CLIPS


def test_every_unit_once_is_the_score_of_tables(tmp_path):
    runs = two_runs(tmp_path, ("esc50", EVENTS), groups=20)
    for task in ("esc50", EVENTS):
        source = drawable(task, list(SHARES), runs)
        assert (source.units, source.grouped) == (20, True)
        for run in runs:
            scores = source.scores[run.protocol](np.ones((1, 20)))[0]
            assert scores == pytest.approx(run.means[task].to_numpy(), abs=1e-9)


def test_a_fold_without_a_drawn_event_has_no_part(tmp_path):
    source = drawable(EVENTS, list(SHARES), two_runs(tmp_path, (EVENTS,)))
    draws = np.zeros((2, CLIPS))
    draws[0, : CLIPS // 2] = 1  # the clips of the first fold alone
    first, none = source.scores["knn"](draws)
    hits = np.stack([right[: CLIPS // 2] for right in answers(SHARES, CLIPS, 0).values()]).sum(1)
    assert first == pytest.approx(2 * hits / (hits + CLIPS // 2))
    assert np.isnan(none).all()


def test_draws_of_right_clips_have_the_spread_of_the_bootstrap(tmp_path):
    runs = two_runs(tmp_path)
    draws = np.random.default_rng(0).multinomial(CLIPS, np.full(CLIPS, 1 / CLIPS), 2000).astype(float)
    drawn = drawable("esc50", ["m1"], runs).scores["knn"](draws)[:, 0]
    right = answers(SHARES, CLIPS, 0)["m1"].astype(float)
    interval = bootstrap(np.array_split(right, 2), method="percentile")
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([interval.low, interval.high], abs=0.02)


@pytest.mark.parametrize("clips", [60, 300])
def test_intervals_hold_the_tau_of_another_test_set(clips):
    """Of the same models and protocols, with other clips: 95% intervals hold it in at least 85 of 100."""
    held, rounds, rng = 0, 100, np.random.default_rng(0)
    for number in range(rounds):
        taus = []
        for part in range(2):
            seed = 10 * number + 2 * part
            right = [
                np.stack(list(answers(of, clips, seed + place).values()), 1).astype(float)
                for place, of in enumerate((SHARES, TURNED))
            ]
            taus.append(float(tau_b(*(orders(of.mean(0)) for of in right))))
            if not part:
                draws = rng.multinomial(clips, np.full(clips, 1 / clips), 200).astype(float)
                resampled = tau_b(*(orders((draws @ of).round(6)) for of in right))
                low, high = tau_interval(taus[0], resampled, 0.95)
        held += low - 1e-9 <= taus[1] <= high + 1e-9
    assert held >= 0.85 * rounds


def test_more_clips_make_a_narrower_interval_around_the_known_tau(tmp_path):
    known = kendalltau(list(SHARES.values()), list(TURNED.values())).statistic
    widths = []
    for clips in (60, 2000):
        line = agreement(two_runs(tmp_path / str(clips), clips=clips), resamples=200).set_index("task").loc["esc50"]
        widths.append(line["high"] - line["low"])
    assert line["low"] <= known <= line["high"]
    assert widths[1] < widths[0] / 2


def test_a_seed_gives_the_same_intervals(tmp_path):
    runs = two_runs(tmp_path)
    first, again, other = (agreement(runs, resamples=60, seed=seed) for seed in (3, 3, 4))
    assert first.equals(again)
    assert not first.equals(other)


def test_halves_say_whether_other_clips_explain_the_disagreement(tmp_path):
    """Two probes with the same true scores disagree no more than each with itself; other true scores do."""
    same = agreement(two_runs(tmp_path / "same", others=SHARES, clips=400), resamples=50).iloc[-1]
    other = agreement(
        two_runs(tmp_path / "other", others=dict(zip(SHARES, reversed(SHARES.values()), strict=True)), clips=400),
        resamples=50,
    ).iloc[-1]
    assert same["halves"] == pytest.approx(same["halves_same"], abs=0.1)
    assert other["halves"] < other["halves_same"] - 1


def test_a_missing_cell_leaves_its_model_out_of_that_task(tmp_path):
    right = {task: answers(SHARES, CLIPS, 0) for task in ("esc50", "speech_commands_full")}
    first = write_run(tmp_path / "knn", "knn", right)
    del right["esc50"]["m3"]
    runs = read_runs([first, write_run(tmp_path / "ridge", "ridge", right)])
    table = agreement(runs, resamples=20).set_index("task")
    assert table["models"].to_dict() == {OVERALL: 5, "esc50": 5, "speech_commands_full": 6}
    ranked = ranks(runs).set_index(["task", "model"])
    assert ranked.loc[("esc50", "m3"), ["knn", "ridge"]].isna().all()
    assert sorted(ranked.loc["esc50"]["knn"].dropna()) == [1, 2, 3, 4, 5]


def test_a_task_that_one_run_lacks_counts_nowhere_else(tmp_path):
    right = {task: answers(SHARES, CLIPS, 0) for task in ("esc50", "speech_commands_full")}
    first = write_run(tmp_path / "knn", "knn", right)
    del right["esc50"]
    runs = read_runs([first, write_run(tmp_path / "ridge", "ridge", right)])
    table = agreement(runs, resamples=20)
    assert list(table["task"]) == [OVERALL, "speech_commands_full"]
    assert ranks(runs).set_index("task").loc["esc50"]["ridge"].isna().all()


def test_few_models_and_few_units_are_called_so(tmp_path):
    assert (few_models(0.95), few_models(0.99), few_models(0.9)) == (5, 6, 4)
    three = {name: SHARES[name] for name in ("m1", "m3", "m6")}
    line = agreement(two_runs(tmp_path, shares=three, others=three, groups=4), resamples=20).set_index("task")
    assert "3 models: even equal orders are not more than chance; 5 models or more can tell" in line["reason"]["esc50"]
    assert "4 independent groups; at least 6 are needed for 95%" in line["reason"]["esc50"]
    assert line[["low", "high", "halves"]].isna().all(axis=None)
    assert line["reason"][OVERALL].endswith("esc50: 4 independent groups; at least 6 are needed for 95%")


def test_tied_models_are_tied(tmp_path):
    right = answers(SHARES, CLIPS, 0)
    right["m2"] = right["m1"]
    runs = read_runs([write_run(tmp_path / name, name, {"esc50": right}) for name in ("knn", "ridge")])
    line = agreement(runs, resamples=20).iloc[-1]
    assert (line["tau"], line["low"], line["high"]) == (1, 1, 1)
    assert ranks(runs).set_index(["task", "model"]).loc["esc50"]["knn"].loc[["m1", "m2"]].nunique() == 1


def test_a_protocol_that_ties_all_models_has_no_tau(tmp_path):
    right = answers(SHARES, CLIPS, 0)
    tied = dict.fromkeys(SHARES, right["m1"])
    runs = read_runs(
        [write_run(tmp_path / name, name, {"esc50": of}) for name, of in (("knn", right), ("ridge", tied))]
    )
    line = agreement(runs, resamples=20).iloc[-1]
    assert np.isnan(line["tau"])
    assert line["reason"] == "a protocol ties all models"


def test_a_run_of_rows_alone_has_taus_without_intervals(tmp_path):
    right = answers(SHARES, CLIPS, 0)
    runs = [write_run(tmp_path / name, name, {"esc50": right}) for name in ("knn", "ridge", "hear2021")]
    for file in (runs[2] / "jobs").iterdir():
        file.unlink()
    table = agreement(read_runs(runs), resamples=20).set_index(["b", "task"])
    assert (table["tau"] == 1).all()
    assert table.loc["ridge", "low"].tolist() == [1, 1]
    assert set(table.loc["hear2021", "reason"]) == {"no predictions of a run (jobs/), and so no interval"}
    assert table.loc["hear2021", "low"].isna().all()


def test_a_metric_that_is_no_mean_over_clips_has_no_interval(tmp_path):
    table = agreement(two_runs(tmp_path, ("fsd50k",)), resamples=20).set_index("task")
    assert table.loc["fsd50k", "reason"].startswith("mAP is not resampled")
    assert np.isfinite(table.loc["fsd50k", "tau"])
    assert np.isnan(table.loc["fsd50k", "low"])
