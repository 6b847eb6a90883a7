"""What re-runs by others of a published model differ by."""

import pandas as pd
import pytest

from results.reference.published import published
from results.reference.reruns import BAND, FEWEST, PUBLISHED, RERUN, SAME, bands, reruns
from results.reference.sets import SETS, read

TABLE = reruns().set_index(["model", "task"])


def test_every_row_of_the_file_is_a_published_model():
    roles, specs = read("reruns.csv"), set(published(SETS)["spec"])
    assert set(roles["spec"]) <= specs
    assert not roles["spec"].duplicated().any()
    assert set(roles["role"]) == {PUBLISHED, RERUN, SAME}
    published_models = roles.loc[roles["role"] == PUBLISHED, "model"]
    assert len(published_models) == published_models.nunique() == 9
    assert set(roles.loc[roles["role"] == RERUN, "model"]) == set(roles["model"]) == set(published_models)


def test_every_re_run_is_in_a_band():
    rerun_scores = len(published(["reruns"])) + len(published(["gram:PaSST (*"]))
    assert TABLE["reruns"].sum() == rerun_scores == 54
    assert len(TABLE) == 48
    assert (TABLE["rerun_spread"] > 0).all()


def test_bands_are_of_the_published_and_the_re_run_scores():
    line = TABLE.loc["PaSST base", "libricount"]
    assert line[["reruns", "rerun_low"]].tolist() == [2, 0.607]
    assert line["rerun_high"] == pytest.approx(0.6601, abs=1e-4)
    assert TABLE.loc[("GURA Avg H+w+C", "gunshot"), "rerun_spread"] == pytest.approx(0.1726, abs=1e-4)
    gunshot = TABLE.xs("gunshot", level="task")["rerun_spread"]
    assert len(gunshot) == 9
    assert gunshot.min() == pytest.approx(0.0149, abs=1e-4)
    assert gunshot.idxmax() == "GURA Avg H+w+C"


def test_the_same_set_up_in_the_papers_figure_takes_the_band_and_does_not_widen_it():
    two = pd.Series(["leaderboard:CP-JKU PaSST base", "fig10:PaSST M+H hop=10"])
    found = bands(two, pd.Series(["crema_d", "crema_d"]))
    assert found.iloc[0].tolist() == found.iloc[1].tolist()
    assert found["rerun_high"].iloc[0] == 0.618
    speech = bands(two, pd.Series(["speech_commands_full"] * 2))
    assert (speech["rerun_of"] == "").all(), "0.639 and 0.720 are its authors' own; nobody re-ran it"


def test_other_models_where_this_one_was_not_re_run():
    tasks = ["gunshot", "gtzan_genre", "fsd50k", "maestro_5h", "esc50"]
    found = bands(pd.Series(["leaderboard:OpenL3"] * 5), pd.Series(tasks)).set_axis(tasks)
    assert tuple(found.columns) == BAND
    assert found["rerun_of"].tolist() == ["other models", "", "", "", "other models"]
    assert found["reruns"].tolist() == [9, 0, 0, 0, 3]
    assert found.loc["gunshot", "rerun_spread"] == TABLE.xs("gunshot", level="task")["rerun_spread"].max()
    assert found["rerun_low"].isna().all()
    assert found.loc[["gtzan_genre", "fsd50k", "maestro_5h"], "rerun_spread"].isna().all()
    assert FEWEST == 3


def test_nothing_is_a_band_of_nothing():
    empty = pd.Series([], dtype=str)
    assert bands(empty, empty).empty
