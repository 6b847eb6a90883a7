import math

import numpy as np
import pandas as pd
import pytest

from results import figures
from results.rows import rows
from results.scores.labels import UNTRAINED_NOTE
from results.scores.notes import notes
from results.scores.scores import scores
from results.tables import compose

JOB = {
    "job": "0123456789abcdef",
    "embedder_fp": "a" * 16,
    "task_fp": "b" * 16,
    "split_mode": "trainvaltest",
    "protocol": "hear2021",
    "seed": 0,
    "precision": "fp32",
    "device": "cpu",
    "versions": {"torch": "2", "numpy": "1"},
    "seconds": 1.5,
}


def job(metric, *scores):
    chosen = {"validation_score": 0.9, "hidden_layers": 1, "lr": 1e-3, "init": "xavier_uniform", "epoch": 8}
    folds = [
        {"fold": f"fold{i:02d}", "scores": {metric: score, f"{metric}_part": 0.0}, **chosen}
        for i, score in enumerate(scores)
    ]
    return {**JOB, "folds": folds}


def row_table() -> pd.DataFrame:
    found = []
    for model, weights, task, metric, values in (
        ("passt base", "untrained-0", "digits", "top1_acc", (0.5, 0.7)),
        ("passt base", "untrained-0", "beeps", "event_onset_200ms_fms", (0.25,)),
        ("crepe_tiny", "published", "digits", "top1_acc", (0.6, 0.6)),
    ):
        identity = {
            "study": "s",
            "model": model,
            "family": model.split()[0].split("_")[0],
            "spec": model,
            "weights": weights,
            "task": task,
        }
        found += rows.rows_of(job(metric, *values), identity)
    return pd.DataFrame(found, columns=rows.COLUMNS)


def test_a_row_is_one_score():
    found = row_table()
    assert len(found) == 10
    assert found["primary"].sum() == 5
    first = found.iloc[0]
    assert (first["fold"], first["metric"], first["score"], first["epoch"]) == ("fold00", "top1_acc", 0.5, 8)
    assert first["versions"] == "numpy=1 torch=2"
    assert set(rows.RESULT_COLUMNS) <= set(rows.COLUMNS)


def test_rows_survive_their_file(tmp_path):
    written = row_table()
    rows.write_rows(written.to_dict("records"), tmp_path / "rows.csv")
    again = rows.read_rows(tmp_path)
    assert list(again.columns) == list(rows.COLUMNS)
    for column in ("model", "fold", "metric", "score", "primary", "lr", "weights", "job"):
        assert again[column].tolist() == written[column].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv", "rows.csv.sha256"]


def test_rows_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no rows at .*; make them with: ablate run mine"):
        rows.read_rows(tmp_path / "mine")


def test_task_keys():
    assert rows.task_key("dcase2016_task2-hear2021-full") == "dcase2016_task2"
    assert rows.task_key("beehive_states_fold1-v2-full") == "beehive"
    assert rows.task_key("my_task") == "my_task"
    assert len(rows.task_table()) == 19


def test_the_table():
    found = compose.table(row_table())
    assert list(found.columns) == ["digits (top1_acc)", "beeps (event_onset_200ms_fms)"]
    assert found.index.tolist() == ["passt base†", "crepe_tiny"]
    assert found.loc["passt base†"].tolist() == ["0.600 ± 0.141", "0.250"]
    assert found.loc["crepe_tiny"].tolist() == ["0.600 ± 0.000", "–"]


def test_scores_are_means_over_folds_with_ddof_1():
    found = scores(row_table()).set_index(["model", "task"])
    assert found.loc[("passt base", "digits"), "std"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert math.isnan(found.loc[("passt base", "beeps"), "std"])


def test_untrained_weights_are_marked_in_table_and_figure():
    found = row_table()
    assert "passt base†" in compose.to_markdown(found)
    assert UNTRAINED_NOTE in compose.to_markdown(found)
    texts = all_texts(figures.bars(found))
    assert "passt base†" in texts
    assert any(UNTRAINED_NOTE in text.replace("\n", " ") for text in texts)
    trained = found[found["weights"] == "published"]
    assert "†" not in compose.to_markdown(trained)
    assert not any("†" in text for text in all_texts(figures.bars(trained)))


def test_a_nan_score_is_not_hidden():
    identity = {"study": "s", "model": "m", "family": "m", "spec": "m", "weights": "published", "task": "t"}
    found = pd.DataFrame(rows.rows_of(job("top1_acc", math.nan), identity), columns=rows.COLUMNS)
    assert compose.table(found).iloc[0, 0] == "nan"
    texts = all_texts(figures.bars(found))
    assert "not defined" in texts
    assert not any("nan" in text for text in texts)


def test_a_fold_without_a_score_is_not_averaged_away():
    identity = {"study": "s", "model": "m", "family": "m", "spec": "m", "weights": "published", "task": "t"}
    found = pd.DataFrame(rows.rows_of(job("top1_acc", math.nan, 0.5), identity), columns=rows.COLUMNS)
    assert compose.table(found).iloc[0, 0] == "nan"


def test_names_that_look_like_numbers_stay_names(tmp_path):
    found = []
    for model in ("160", "640", "NA"):
        identity = {"study": "1", "model": model, "family": "2", "spec": model, "weights": "published", "task": "2016"}
        found += rows.rows_of(job("top1_acc", 0.5, math.nan), identity)
    rows.write_rows(found, tmp_path / "rows.csv")
    again = rows.read_rows(tmp_path)
    assert again["model"].unique().tolist() == ["160", "640", "NA"]
    assert again["task"].unique().tolist() == ["2016"]
    assert again["score"].isna().sum() == 3
    assert compose.table(again).index.tolist() == ["160", "640", "NA"]
    figures.bars(again)


def test_no_rows_are_no_figure():
    with pytest.raises(ValueError, match="no rows to draw"):
        figures.bars(row_table().iloc[:0])


def test_a_figure_has_a_bar_a_score_in_file_formats_of_papers(tmp_path):
    figure = figures.bars(row_table(), "title")
    digits, beeps = figure.axes
    assert [len(panel.patches) for panel in (digits, beeps)] == [2, 1]
    assert sorted(bar.get_width() for bar in digits.patches) == pytest.approx([0.6, 0.6])
    assert (digits.get_title(), digits.get_xlabel()) == ("digits", "top1_acc")
    for suffix in ("png", "pdf"):
        figure.savefig(tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000


def all_texts(figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


def test_the_table_says_protocol_and_seeds_where_these_are_not_usual():
    found = row_table()
    assert not any("Protocol" in note for note in notes(found))
    again = found.assign(seed=1)
    assert "Protocol hear2021, over 2 seeds." in compose.to_markdown(pd.concat([found, again]))
    assert "Protocol hear2021+linear." in compose.to_markdown(found.assign(protocol="hear2021+linear"))


def test_a_missing_score_keeps_its_reason(tmp_path):
    record = job("aucroc", math.nan, 0.5)
    record["folds"][0]["missing"] = {"aucroc": "label 'x' has no positive item in fold00"}
    identity = dict.fromkeys(("study", "model", "family", "spec", "weights", "task"), "m")
    rows.write_rows(rows.rows_of(record, identity), tmp_path / "rows.csv")
    found = rows.read_rows(tmp_path)
    missing = found[(found["metric"] == "aucroc") & found["score"].isna()]
    assert missing["reason"].tolist() == ["label 'x' has no positive item in fold00"]
    reason = "nan: m on m, fold00: label 'x' has no positive item in fold00."
    assert reason in compose.to_markdown(found)
    assert reason in notes(found)  # which figures show, too


def test_rows_of_an_earlier_version_are_read(tmp_path):
    row_table().drop(columns="reason").to_csv(tmp_path / "rows.csv", index=False)
    found = rows.read_rows(tmp_path)
    assert set(found["reason"]) == {""}
    assert compose.to_markdown(found)
