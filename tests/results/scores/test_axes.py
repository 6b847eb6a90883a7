"""The look-ahead of specs as a column, as an axis, and in the names of lines."""

import math

import pandas as pd

from results.protocols.conclusions import differ_in
from results.scores.axes import along, series, with_axes

EVENTS, SCENES = "event_onset_200ms_fms", "top1_acc"


def table(*specs, metric=EVENTS):
    return with_axes(pd.DataFrame({"spec": specs, "metric": metric, "task": "t", "untrained": False}))


def text(ahead="", windows="160", levels="block6"):
    return f"passt_demo@{levels}@w{windows}@smax@t50{ahead}@demo"


def test_the_look_ahead_is_read_and_is_no_other_part():
    known = table(text(), text("@ahead0"), text("@ahead80", levels="block1+block2@weighted"))
    assert known["ahead"].tolist() == ["", "ahead0", "ahead80"]
    assert known["lookahead_ms"].isna().tolist() == [True, False, False]
    assert known["lookahead_ms"].tolist()[1:] == [0.0, 80.0]
    assert set(known["timestamps"]) == {"t50"}
    assert set(known["weights"]) == {"demo"}
    assert known["levels"].tolist() == ["block6", "block6", "weighted(block1+block2)"]
    assert known["window_ms"].tolist() == [160.0] * 3


def test_a_centered_window_stands_at_half_its_length():
    known = table(text(), text("@ahead0"), text("@ahead160"), text(windows="160+640"), text("@ahead9", "160+640"))
    assert along(known, "lookahead").tolist()[:3] == [80.0, 0.0, 160.0]
    assert math.isnan(along(known, "lookahead")[3])
    assert along(known, "lookahead")[4] == 9.0


def test_scenes_have_no_place_on_it():
    assert along(table(text(), text("@ahead0"), metric=SCENES), "lookahead").isna().all()


def test_lines_along_other_axes_are_named_by_it():
    known = table(*(text(ahead, windows) for windows in ("160", "640") for ahead in ("", "@ahead0", "@ahead80")))
    assert series(known, "window").tolist() == ["centered", "look-ahead 0 ms", "look-ahead 80 ms"] * 2
    assert series(known, "lookahead").tolist() == ["160 ms"] * 3 + ["640 ms"] * 3
    assert set(series(known.assign(metric=SCENES), "window")) == {""}


def test_two_models_may_differ_in_it_alone():
    assert differ_in(text(), text("@ahead0")) == "look-ahead"
    assert differ_in(text("@ahead80"), text("@ahead0")) == "look-ahead"
    assert differ_in(text("@ahead80", "640"), text("@ahead0")) == "several"
