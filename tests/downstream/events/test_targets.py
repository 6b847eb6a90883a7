import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from downstream.events.targets import PostProcessing, postprocessing_grid, rests_on_slack, targets
from downstream.tasks.task import Event
from tests.downstream.events.plain_events import decode, plain_targets

LABELS = ("bell", "door")
PLAIN = PostProcessing(median_filter_ms=0, min_duration=0)
EVENTS = st.lists(
    st.builds(
        lambda label, start, length: Event(label, 25.0 * start, 25.0 * (start + length)),
        st.sampled_from(LABELS),
        st.integers(-4, 60),
        st.integers(0, 20),
    ),
    max_size=8,
)


def test_a_timestamp_has_every_event_that_holds_it_both_ends_included():
    events = [Event("bell", 50.0, 150.0), Event("door", 100.0, 100.0), Event("bell", 160.0, 190.0)]
    found = targets(events, np.arange(5) * 50.0, LABELS)
    assert found.tolist() == [[0, 0], [1, 0], [1, 1], [1, 0], [0, 0]]


@given(EVENTS, st.lists(st.integers(0, 30).map(lambda n: 50.0 * n), max_size=20))
def test_targets_are_those_of_a_loop_over_events(events, timestamps):
    wanted = plain_targets(events, np.array(timestamps), LABELS)
    found = targets(events, np.array(timestamps), LABELS)
    assert np.array_equal(found, wanted)
    assert found.dtype == np.float32


SECONDS = st.floats(0, 120, allow_nan=False) | st.integers(0, 12_000).map(lambda n: n / 100)
SLACKS = st.sampled_from([0.0, 5e-5, 1e-4, 1.0001e-4, -5e-5, -1e-4, -1e-12, 1e-12])


@given(st.data(), st.sampled_from([1, 20, 50]))
def test_targets_are_those_of_an_interval_tree_whose_ends_are_one_ten_thousandth_of_a_ms_later(data, hop):
    timestamps = np.arange(120_000 // hop + 1, dtype=np.float32)[:400] * np.float32(hop)
    near = st.builds(lambda step, slack: max(0.0, step * hop + slack), st.integers(0, 400), SLACKS)
    place = near | SECONDS.map(lambda seconds: seconds * 1000)
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(LABELS), place, place), max_size=6))
    events = [Event(label, *sorted(ends)) for label, *ends in pairs]
    assert np.array_equal(targets(events, timestamps, LABELS), plain_targets(events, timestamps, LABELS))


def test_an_end_in_seconds_that_falls_just_below_a_timestamp_labels_it():
    end = 32.3 * 1000
    assert end < 32300
    times = np.array([32250.0, 32300.0, 32350.0], dtype=np.float32)
    assert targets([Event("bell", 32200.0, end)], times, LABELS)[:, 0].tolist() == [1, 1, 0]


@given(st.lists(SECONDS.map(lambda seconds: seconds * 1000), max_size=6), st.sampled_from([20, 50]))
def test_labels_rest_on_the_slack_where_they_differ_from_those_of_closed_events(ends, hop):
    events = [Event("bell", 0.0, end) for end in ends]
    times = np.arange(130_000 // hop, dtype=np.float64) * hop
    every = [targets([event], times, LABELS)[:, 0] for event in events]
    differs = any((found != (times <= event.end)).any() for found, event in zip(every, events, strict=True))
    assert rests_on_slack(events, hop) == differs


def test_a_label_outside_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="label 'dog' is not in the vocabulary \\(bell, door\\)"):
        targets([Event("dog", 0.0, 1.0)], np.zeros(1), LABELS)


@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_targets_are_decoded_to_the_runs_they_are(active):
    times = np.arange(len(active)) * 50.0
    probabilities = np.array([[float(a), 0.0] for a in active])
    found = decode(probabilities, times, LABELS, PLAIN)
    again = targets(found, times, LABELS)
    assert np.array_equal(again, probabilities)
    assert all(a.end + 50.0 < b.start for a, b in itertools.pairwise(found))


def test_the_threshold_is_strict_and_short_events_are_dropped():
    times = np.arange(8) * 50.0
    bell = np.array([0.5, 0.51, 0.9, 0.2, 0.7, 0.7, 0.7, 0.5])
    probabilities = np.stack([bell, np.zeros(8)], axis=1)
    assert decode(probabilities, times, LABELS, PLAIN) == [Event("bell", 50.0, 100.0), Event("bell", 200.0, 300.0)]
    assert decode(probabilities, times, LABELS, PostProcessing(0, 100)) == [Event("bell", 200.0, 300.0)]
    assert decode(probabilities, times, LABELS, PostProcessing(0, 101)) == []


def test_the_median_filter_is_as_wide_as_its_milliseconds():
    times = np.arange(9) * 50.0
    alone = np.zeros((9, 2))
    alone[4, 1] = 1.0
    assert decode(alone, times, LABELS, PostProcessing(24, 0)) == [Event("door", 200.0, 200.0)]  # rounds to 0: left out
    assert decode(alone, times, LABELS, PostProcessing(150, 0)) == []
    pair = alone.copy()
    pair[5, 1] = 1.0
    # width 2 takes the upper of i - 1 and i
    assert decode(alone, times, LABELS, PostProcessing(100, 0)) == [Event("door", 200.0, 250.0)]
    assert decode(pair, times, LABELS, PostProcessing(125, 0)) == decode(pair, times, LABELS, PostProcessing(100, 0))


def test_rows_may_come_in_any_order():
    times = np.array([100.0, 0.0, 50.0])
    probabilities = np.array([[0.9, 0], [0.1, 0], [0.8, 0]])
    assert decode(probabilities, times, LABELS, PLAIN) == [Event("bell", 50.0, 100.0)]


def test_one_timestamp():
    assert decode(np.array([[1.0, 0.0]]), np.array([0.0]), LABELS, PostProcessing(250, 0)) == [Event("bell", 0.0, 0.0)]


def test_the_grid_is_the_tasks_or_hears():
    assert postprocessing_grid({}) == [PostProcessing(250, 125), PostProcessing(250, 250)]
    own = {"event_postprocessing_grid": {"median_filter_ms": [150], "min_duration": [50]}}
    assert postprocessing_grid(own) == [PostProcessing(150, 50)]


@pytest.mark.parametrize(
    "grid",
    [{"median": [150]}, {"median_filter_ms": [150]}, {"median_filter_ms": 150, "min_duration": [50]}, [150], None],
)
def test_a_broken_grid_is_named(grid):
    with pytest.raises(ValueError, match="event_postprocessing_grid.* must be a(n object with|) lists? of numbers"):
        postprocessing_grid({"event_postprocessing_grid": grid})
