"""Events and their scores against what hear-eval-kit and sed_eval gave for the same cases (sed_eval_cases.py)."""

import numpy as np
import pytest

from downstream.events import decoding
from downstream.events.columns import event_columns
from downstream.scores import metrics
from downstream.tasks.task import Event
from tests.downstream.events import sed_eval_cases as cases
from tests.downstream.events.plain_events import listed

TOLERANCE = 1e-9
NO_EVENT_UNIT = np.spacing(1)  # sed_eval divides by the number of active references plus this


@pytest.fixture(scope="module")
def recorded():
    with np.load(cases.PATH) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def scored():
    """(cases, values of SCORES) from here."""
    rows = []
    for number in range(cases.SCORE_CASES):
        reference, predicted = cases.score_case(number)
        wanted, found = (
            event_columns([[Event(*event) for event in side[file]] for file in predicted], cases.LABELS)
            for side in (reference, predicted)
        )
        rows.append([value for name in cases.SCORES for value in metrics.get(name).score(wanted, found).values()])
    return np.array(rows)


def test_the_cases_are_those_that_were_recorded(recorded):
    assert cases.digest() == str(recorded["digest"])
    assert recorded["scores"].shape == (cases.SCORE_CASES, sum(map(len, cases.SCORES.values())))
    assert len(recorded["counts"]) == cases.DECODE_CASES


def test_event_based_scores_are_sed_evals(recorded, scored):
    np.testing.assert_allclose(scored[:, :-1], recorded["scores"][:, :-1], rtol=0, atol=TOLERANCE, equal_nan=True)


def test_segment_based_error_rates_are_sed_evals(recorded, scored):
    found, wanted = scored[:, -1], recorded["scores"][:, -1]
    defined = ~np.isnan(found)
    assert defined.sum() > 2000
    np.testing.assert_allclose(found[defined], wanted[defined], rtol=0, atol=TOLERANCE)


def test_an_error_rate_without_references_is_missing_where_sed_eval_divides_by_almost_nothing(recorded, scored):
    wanted = recorded["scores"][np.isnan(scored[:, -1]), -1]
    assert {0.0, 1 / NO_EVENT_UNIT} <= set(wanted)
    assert all(value == 0 or value >= 1 / NO_EVENT_UNIT for value in wanted)


def test_decoded_events_are_the_kits(recorded):
    position = 0
    for number in range(cases.DECODE_CASES):
        values, files, timestamps, filter_ms, duration_ms = cases.decode_case(number)
        lengths = [files.count(file) for file in dict.fromkeys(files)]
        line = decoding.timeline(timestamps, np.concatenate([[0], np.cumsum(lengths)]))
        found = decoding.runs(values, line, line.widths(filter_ms)).lasting(duration_ms)
        for i, events in enumerate(listed(found, cases.LABELS)):
            times = line.times[line.offsets[i] : line.offsets[i + 1]]
            rows = slice(position, position := position + int(recorded["counts"][number, i]))
            wanted = [
                Event(cases.LABELS[label], times[first], times[last])
                for label, first, last in zip(*(recorded[k][rows] for k in ("labels", "first", "last")), strict=True)
            ]
            assert events == wanted
    assert position == len(recorded["labels"]) > 1000
