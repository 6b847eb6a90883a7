"""Published scores are what was published: known values, known gaps, known sources and traps."""

import math
import re
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest

from results.reference import published as reference
from results.reference.published import published
from results.reference.sets import FOLDER, SETS, set_rows
from results.rows.rows import COLUMNS, NUMBERS, read_reference, task_table, write_reference


def score(rows: pd.DataFrame, model: str, task: str) -> float:
    (found,) = rows.loc[(rows["model"] == model) & (rows["task"] == task), "score"]
    return found


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_of_complete_rows(name):
    rows = published([name])
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["task"]) <= set(task_table().index)
    assert rows["metric"].tolist() == task_table().loc[rows["task"], "primary_metric"].tolist()
    assert rows["score"].between(0, 1).all()
    assert (rows["source"].str.len() > 20).all()
    assert reference.is_published(rows).all()
    assert not rows.duplicated(["model", "task"]).any()
    if name != "dasheng":  # whose scores have a tolerance each
        assert rows["tolerance"].eq(0.003).all() if name.startswith("fig") else rows["tolerance"].isna().all()
    assert len(set(rows["protocol"])) == 1
    unused = set(COLUMNS) - {"model", "family", "spec", "weights", "task", "metric", "primary", "score"}
    for column in unused - {"protocol", "source", "tolerance"}:
        assert rows[column].isna().all() if column in NUMBERS else set(rows[column]) == {""}


def test_the_leaderboard():
    rows = published(["leaderboard"])
    assert rows["model"].nunique() == 34
    assert rows["task"].nunique() == 19
    assert score(rows, "OpenL3", "dcase2016_task2") == 0.832779646
    assert score(rows, "RedRice ced_base", "vox_lingua_top10") == 0.385746759
    assert (rows["model"] == "CP-JKU PaSST base").sum() == 17, "Beehive and MAESTRO were not reported"
    zeros = rows[rows["score"] == 0]
    assert set(zip(zeros["model"], zeros["task"], strict=True)) == {
        *(("CVSSP PANNS", task) for task in ("dcase2016_task2", "maestro_5h")),
        *(("Descript/MARL Wav2CLIP", task) for task in ("dcase2016_task2", "maestro_5h")),
        ("Soundsensing YAMNet", "maestro_5h"),
    }


def test_the_papers_figures():
    rows = published(["fig4", "fig5", "fig10"])
    assert rows.groupby("source").size().tolist() == [38, 16, 12]
    assert score(published(["fig5"]), "PaSST L+M+2RF", "dcase2016_task2") == 0.918
    assert score(published(["fig4"]), "PaSST L+M", "maestro_5h") == 0.433
    assert score(published(["fig10"]), "PaSST L+M 2RF hop=5", "crema_d") == 0.628
    assert score(published(["fig10"]), "PaSST M+H hop=10", "speech_commands_full") == 0.72


def test_values_read_off_are_within_their_tolerance_of_the_exact_ones():
    exact = published(["leaderboard"])
    checked = 0
    for rows in (published(["fig4"]), published(["fig5"])):
        for row in rows.itertuples():
            model = {"Cat XWC": "GURA Cat H+w+C"}.get(row.model, row.model)
            if model in set(exact["model"]):
                assert abs(row.score - score(exact, model, row.task)) <= row.tolerance
                checked += 1
    assert checked == 12


def test_ced_is_the_leaderboards_metric_times_100():
    """Of the three models that are on both, every task agrees within the rounding of two digits of percent."""
    ced, exact = published(["ced"]), published(["leaderboard"])
    assert score(ced, "ced-tiny", "beehive") == 0.38345
    for name in ("mini", "small", "base"):
        for task in task_table().index:
            assert score(ced, f"ced-{name}", task) == pytest.approx(
                score(exact, f"RedRice ced_{name}", task), abs=5.01e-5
            )


def test_the_best_scores_of_the_challenge_are_the_papers():
    printed = pd.read_csv(FOLDER / "koutini2022_table1_task_categories.csv").set_index("task_leaderboard_name")
    keys = task_table().reset_index().set_index("leaderboard_name")["key"]
    best = reference.challenge_best()
    assert len(best) == len(printed) == 19
    for name, row in printed.iterrows():
        assert best[keys[name]] == pytest.approx(row["official_max_score_2021"], abs=1e-6)
        assert task_table().loc[keys[name], "category"] == row["category"]


def test_models_of_the_leaderboard_keep_their_submission():
    models = reference.leaderboard_models()
    assert list(models.columns) == ["model", "url", "submission", "challenge"]
    assert models["challenge"].sum() == 29
    assert models.set_index("model").loc["RedRice ced_mini", "submission"] == "2023-09-26"


def test_names_are_sets_or_patterns_in_any_case():
    assert set(published(["leaderboard:*PASST*"])["model"]) == {
        f"CP-JKU PaSST {variant}" for variant in ("base", "2lvl", "2lvl+mel")
    }
    assert set(published(["leaderboard:PANNs*"])["model"]) == {"CVSSP PANNS"}
    assert set(published(["leaderboard:wav2vec2"])["model"]) == {"wav2vec2"}, "a whole name is no other's last word"
    assert set(published(["leaderboard:hubert"])["model"]) == {"GURA Hubert", "GURA Fuse Hubert"}
    both = published(["Fig5", "leaderboard:crepe", "fig5:openl3"])
    assert len(both) == 12 + 19
    assert set(reference.set_of(both)) == {"fig5", "leaderboard"}
    again = published(both["spec"].unique())
    pd.testing.assert_frame_equal(both, again)
    assert published([]).empty
    assert list(published([]).columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "koutini",
            "unknown reference 'koutini'; expected one of leaderboard, fig4, fig5, fig10, ced, usad, gram, wavjepa",
        ),
        ("fig7", "unknown reference 'fig7' (Figures 6 to 9 are box plots: results.reference.published.boxes)"),
        ("ced:passt", "reference 'ced:passt' is of no model; expected one of ced-tiny, ced-mini, ced-small"),
        ("fig5:", "reference 'fig5:' is of no model"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        published(["fig4", name])
    assert "\n" not in str(error.value)


def test_a_callers_changes_stay_its_own():
    rows = published(["fig5"])
    rows["score"] = math.nan
    assert published(["fig5"])["score"].notna().all()


def test_rows_survive_their_file(tmp_path):
    rows = published(["fig5", "leaderboard:*PANNs*"])
    write_reference(rows, tmp_path / "reference.csv")
    assert "nan" not in (tmp_path / "reference.csv").read_text()
    pd.testing.assert_frame_equal(read_reference(tmp_path), rows, check_dtype=False)
    write_reference(published([]), tmp_path / "reference.csv")
    assert read_reference(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_every_trap_concerns_a_published_score():
    rows = published(SETS)
    for trap in pd.read_csv(FOLDER / "traps.csv").itertuples():
        concerned = rows[[fnmatchcase(spec, f"{trap.set}:{trap.model}") for spec in rows["spec"]]]
        assert len(concerned), trap
        assert trap.task == "*" or trap.task in set(concerned["task"]), trap


def test_traps_are_noted_where_they_concern_something():
    panns = published(["leaderboard:*panns"])
    notes = reference.notes_on(panns)
    assert notes[0].startswith("CVSSP PANNS on dcase2016_task2, maestro_5h: zeros as published: the submission gave")
    assert notes[1].startswith("scores of leaderboard on beehive: taken as the mean of HEAR's two Beehive folders")
    assert reference.notes_on(panns[panns["task"] == "esc50"]) == []
    assert reference.notes_on(published([])) == []
    (m_h,) = [note for note in reference.notes_on(published(["fig4"])) if "maestro" in note]
    assert m_h == (
        "PaSST M+H on maestro_5h: 0.024 in Figure 4, 0.007 in Figure 10 of the same paper, for the same set-up."
    )


def test_what_traps_say_is_so():
    passt = published(["leaderboard:CP-JKU PaSST*"]).groupby("task")["score"].nunique()
    assert passt[passt > 1].index.tolist() == ["dcase2016_task2"]
    base, paper = published(["leaderboard:CP-JKU PaSST base"]), published(["fig10:PaSST M+H*"])
    both = base.merge(paper, on="task").set_index("task")
    apart = (both["score_x"] - both["score_y"]).abs()
    assert apart.idxmax() == "speech_commands_full"
    assert apart.max() == pytest.approx(0.08, abs=0.005)
    assert score(published(["fig4"]), "PaSST M+H", "maestro_5h") == 0.024
    assert score(paper, "PaSST M+H hop=10", "maestro_5h") == 0.007


def test_boxes_are_the_quartiles_of_the_leaderboards_normalized_scores():
    """Of every baseline, but for wav2vec2's general box, whose note says which score it would need."""
    names = {
        "PANNs": "CVSSP PANNS",
        "EfficientNet-B2": "RedRice EfficientNet-B2",
        "SERAB BYOL-S": "Logitech AI SERAB BYOL-S",
        "Fuse Cat XWC": "GURA Fuse Cat H+w+C",
    } | {name: name for name in ("wav2vec2", "OpenL3", "CREPE")}
    rows = published(["leaderboard"])
    rows["normalized"] = rows["score"] / rows["task"].map(reference.challenge_best())
    rows["category"] = rows["task"].map(task_table()["category"])
    boxes = reference.boxes()
    boxes = boxes[boxes["model"].isin(names) & boxes["median"].notna()]
    assert len(boxes) == 27
    for box in boxes.itertuples():
        found = rows[(rows["model"] == names[box.model]) & (rows["category"] == box.category)].set_index("task")
        if "as if FSD50K were .117" in box.note:
            found.loc["fsd50k", "normalized"] = 0.117 / reference.challenge_best()["fsd50k"]
        quartiles = np.percentile(found["normalized"], [25, 50, 75])
        assert [box.q1, box.median, box.q3] == pytest.approx(quartiles, abs=box.tolerance), box
    assert boxes["note"].str.contains("as if FSD50K").sum() == 2


def test_other_published_tables():
    boxes = reference.boxes()
    assert set(boxes["figure"]) == {"Fig6", "Fig7", "Fig8", "Fig9"}
    assert set(boxes["source"]) == {f"Koutini et al. 2022 (PMLR 166), Figure {number}" for number in (6, 7, 8, 9)}
    assert boxes.loc[0, "fliers"] == (0.362,)
    assert boxes.loc[boxes["median"].isna(), "note"].tolist() == ["not separable in raster"] * 3
    means = reference.category_means()
    assert means["source"].str.startswith("calculated from Koutini").all()
    assert list(means.columns[2:6]) == ["speech", "music", "general", "all"]
    features = reference.feature_sets().set_index("feature_set")
    assert features.loc["M_B+L", "all"] == 0.8622
    assert features["source"].str.contains("arXiv 2303.01879").all()


def test_every_file_is_described():
    text = (FOLDER / "README.md").read_text()
    files = sorted(path.name for path in FOLDER.glob("*.csv"))
    assert files
    for name in files:
        assert f"`{name}`" in text


def test_a_set_is_a_file_and_a_row(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("model,ESC-50,dim\nA,12.5,7\nB,,7\n")
    (tmp_path / "sets.csv").write_text("set,file,figure,unit,tolerance,source\nmine,mine.csv,,percent,0.01,a paper\n")
    monkeypatch.setattr("results.reference.sets.FOLDER", tmp_path)
    (row,) = set_rows("mine").itertuples()
    assert (row.model, row.task, row.metric, row.score) == ("A", "esc50", "top1_acc", 0.125)
    assert (row.spec, row.source, row.tolerance, row.protocol) == ("mine:A", "a paper", 0.01, "hear2021")


def test_a_file_with_a_row_a_score_has_a_tolerance_of_each(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("model,task,score,tolerance\nA,ESC-50,0.5,\nA,Gunshot,0.75,0.02\n")
    header = "set,file,figure,unit,tolerance,source,year,protocol\n"
    (tmp_path / "sets.csv").write_text(f"{header}long,mine.csv,,fraction,,a paper,2025,hear2021-mine\n")
    monkeypatch.setattr("results.reference.sets.FOLDER", tmp_path)
    rows = set_rows("long")
    assert rows[["task", "score", "protocol"]].to_numpy().tolist() == [
        ["esc50", 0.5, "hear2021-mine"],
        ["gunshot", 0.75, "hear2021-mine"],
    ]
    assert rows["tolerance"].isna().tolist() == [True, False]
    assert rows["tolerance"].max() == 0.02
