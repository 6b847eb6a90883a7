"""The top of a page: what is established, how far the run came, what made it."""

import dataclasses

from ablations.report import heading
from results.scores.records import RecordedCall, RecordedFailure, RunRecord
from results.statistics.versus import comparisons
from tests.results.scores.test_beside import measured
from tests.results.statistics.test_versus import made

ROWS = measured(("a", "esc50", "top1_acc", (0.5,)), ("b", "esc50", "top1_acc", (0.4,))).assign(
    job=lambda rows: rows["model"]
)
FIRST = RecordedCall("2026-01-31T23:59:58.000+00:00", "ablate run mine", "1.0.0", "abc+changes", 1)
SECOND = RecordedCall("2026-02-01T00:10:00.000+00:00", "", "1.0.0", "", 1)
RECORD = RunRecord("mine", finished=True, calls=(FIRST, SECOND))


def test_the_lead_is_the_statement_of_the_comparisons(tmp_path):
    clips = comparisons(made(tmp_path, seeds=1), [("good", "bad")])
    assert heading.lead(clips, ()).startswith("Established (95%, corrected for 2 comparisons")


def test_the_lead_says_why_nothing_is_established():
    assert "the study names no pairs" in heading.lead(None, ())
    assert "has no predictions" in heading.lead(None, ["no comparison on clips: no predictions at x"])


def test_a_run_says_when_and_how_it_was_made():
    one = dataclasses.replace(RECORD, calls=(dataclasses.replace(FIRST, jobs=2),))
    made_once = "Run: 2026-01-31 23:59 UTC, by `ablate run mine`; version 1.0.0, commit abc+changes."
    assert heading.origin(ROWS, one) == made_once
    assert heading.origin(ROWS, RECORD) == (
        "Run: 2026-01-31 23:59 to 2026-02-01 00:10 UTC, by a call from Python (the last of 2 calls); "
        "version 1.0.0, commit abc+changes, then version 1.0.0, commit not known."
    )


def test_what_is_not_recorded_is_said():
    for record in (None, RunRecord("mine")):
        assert heading.origin(ROWS, record) == heading.NOT_RECORDED
    part = dataclasses.replace(RECORD, calls=(FIRST,))
    assert heading.origin(ROWS, part).endswith(" It made 1 of 2 jobs; how the others were made is not recorded.")


def test_the_state_counts_what_was_measured_and_what_is_missing():
    assert heading.state(ROWS, RECORD, 1234) == "2 models, 1 task measured, 1,234 test clips"
    failures = (RecordedFailure((), "x", "x is absent", absent=True), RecordedFailure(("a",), "y", "no"))
    record = dataclasses.replace(RECORD, failures=failures, finished=False)
    assert heading.state(ROWS, record, None) == "2 models, 1 task measured, 1 absent, 1 failure, not finished"
