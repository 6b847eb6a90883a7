"""The rows of runs as one typed frame."""

import pandas as pd
import pytest

import results
from results.load import ADDED
from results.rows import rows
from results.rows.rows import COLUMNS
from results.tables import compose
from tests.results.figures.test_figures import EVENTS, FINE, SCENES, made, spec
from tests.results.rows.test_rows import row_table


@pytest.fixture
def run(tmp_path):
    rows.write_rows(row_table().to_dict("records"), tmp_path / "one" / "rows.csv")
    return tmp_path / "one"


def test_one_row_a_score_typed(run):
    found = results.load(run)
    assert list(found.columns) == [*COLUMNS, *ADDED]
    assert len(found) == len(row_table()) == 10
    kinds = found.dtypes.astype(str)
    assert kinds[["primary", "seed", "epoch", "hidden_layers"]].tolist() == ["bool", "Int64", "Int64", "Int64"]
    assert set(kinds[["score", "validation_score", "lr", "seconds", "tolerance"]]) == {"float64"}
    assert set(kinds[["study", "model", "task", "fold", "source", "reason", "job"]]) == {"str"}
    assert found["reason"].eq("").all()
    pd.testing.assert_frame_equal(results.load([str(run)]), found)
    assert compose.to_markdown(found) == compose.to_markdown(row_table())


def test_kinds_flags_and_axes_are_columns(tmp_path):
    made_rows = made(
        ("a", spec(windows="160", scene="640"), EVENTS, (0.5,)),
        ("b", spec(FINE, "block3.patches", weights="untrained-0"), SCENES, (0.5,)),
        ("c", spec("mn10_as_hop_20", "mean+std", windows="160+640"), SCENES, (0.5,)),
        ("d", "hear:some_hop160.module", SCENES, (0.5,)),
    )
    rows.write_rows(made_rows.to_dict("records"), tmp_path / "rows.csv")
    found = results.load(tmp_path, ["fig5:OpenL3"])
    primary = found[found["primary"]].drop_duplicates("model").set_index("model")
    assert primary["kind"].tolist() == ["measured"] * 4 + ["published"]
    assert primary["untrained"].tolist() == [False, True, False, False, False]
    assert primary["read_off"].tolist() == primary["published"].tolist() == [False] * 4 + [True]
    assert primary["set"].tolist() == [""] * 4 + ["fig5"]
    assert primary["level"].fillna("").tolist() == ["features", "block3", "", "", ""]
    assert primary["window_ms"].fillna(0).tolist() == [160, 160, 0, 0, 0]
    assert primary["scene_window_ms"].fillna(0).tolist() == [640, 0, 0, 0, 0]
    assert primary["hop_ms"].fillna(0).tolist() == [0, 5, 20, 0, 0], "where the checkpoint's name says it"


def test_published_rows_follow_on_demand(run):
    found = results.load(run, reference=["fig5"])
    assert len(found) == 10 + 12
    assert found["source"].iloc[:10].eq("").all()
    assert found.dtypes.equals(results.load(run).dtypes)
    with pytest.raises(ValueError, match="unknown reference 'nothing'"):
        results.load(run, reference=["nothing"])


def test_several_runs_keep_protocols_and_specs_apart(run):
    other = row_table().assign(study="t", protocol="hear2021+linear", job="another")
    rows.write_rows(other.to_dict("records"), run.parent / "two" / "rows.csv")
    found = results.load([run, run.parent / "two"])
    assert len(found) == 20
    assert found["model"].unique().tolist() == [
        "passt base [hear2021]",
        "crepe_tiny [hear2021]",
        "passt base [hear2021+linear]",
        "crepe_tiny [hear2021+linear]",
    ]
    assert compose.table(found).shape == (4, 2)


def test_a_run_twice_changes_no_score(run):
    pd.testing.assert_frame_equal(compose.table(results.load([run, run])), compose.table(results.load(run)))


def test_folders_that_are_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="no rows at .*; make them with: ablate run nothing"):
        results.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no folders to load rows from"):
        results.load([])
