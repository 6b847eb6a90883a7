"""Decoding of whole splits against plain loops with scipy's median filter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from downstream.events import decoding
from downstream.events.targets import PostProcessing
from tests.downstream.events.plain_events import decode, listed, plain_decode, reflected_median

LABELS = ("bell", "door", "dog")
VALUES = st.sampled_from([0.0, 0.2, 0.5, 0.50001, 0.9, 1.0])
SETTINGS = st.builds(PostProcessing, st.sampled_from([0, 30, 50, 100, 125, 250, 700, 9000]), st.integers(0, 300))


@st.composite
def splits(draw):
    """Predictions (items, labels), timestamps in ms and offsets of a few files; steps even or not, sorted or not."""
    predictions, timestamps, offsets = [], [], [0]
    for _ in range(draw(st.integers(1, 4))):
        steps = draw(st.integers(1, 25))
        values = draw(st.lists(VALUES, min_size=steps * len(LABELS), max_size=steps * len(LABELS)))
        hops = draw(st.lists(st.sampled_from([0, 20, 50, 70]), min_size=steps, max_size=steps))
        times = np.cumsum(hops if draw(st.booleans()) else [50] * steps).astype(float)
        times = times[draw(st.permutations(range(steps)))] if draw(st.booleans()) else times
        predictions.append(np.reshape(values, (steps, len(LABELS))))
        timestamps.append(times)
        offsets.append(offsets[-1] + steps)
    return np.concatenate(predictions), np.concatenate(timestamps), np.array(offsets)


def decoded(predictions, timestamps, offsets, setting):
    line = decoding.timeline(timestamps, offsets)
    found = decoding.runs(predictions, line, line.widths(setting.median_filter_ms)).lasting(setting.min_duration)
    return listed(found, LABELS)


@given(splits(), SETTINGS)
def test_events_are_those_of_plain_loops(split, setting):
    predictions, timestamps, offsets = split
    found = decoded(predictions, timestamps, offsets, setting)
    for i, events in enumerate(found):
        rows = slice(offsets[i], offsets[i + 1])
        wanted = plain_decode(predictions[rows], timestamps[rows], LABELS, setting)
        assert events == sorted(wanted, key=lambda event: (event.start, LABELS.index(event.label), event.end))


@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12), st.one_of(st.integers(1, 60), st.integers(250, 520))
)
def test_counting_is_the_median_filter(values, width):
    values = np.array(values)
    found = decoding.median_filtered(values > 0.5, width)
    assert np.array_equal(found, reflected_median(values, width) > 0.5)
    if width // 2 < 4 * len(values):
        assert np.array_equal(found, median_filter(values, size=(width, 1)) > 0.5)


@pytest.mark.parametrize("width", [2**16, 2**40 + 1])
def test_windows_much_longer_than_a_file_take_no_more_memory(width):
    values = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool)
    assert decoding.median_filtered(values, width)[0].tolist() == [True, True, False]


@given(splits())
def test_tables_are_sorted_by_label_file_and_start(split):
    predictions, timestamps, offsets = split
    line = decoding.timeline(timestamps, offsets)
    found = decoding.runs(predictions, line, line.widths(0))
    keys = list(zip(found.label, found.file, found.start, strict=True))
    assert keys == sorted(keys)


def test_no_run_reaches_over_the_end_of_a_file():
    found = decoded(
        np.ones((7, 3)), np.array([0.0, 50, 100, 0, 0, 50, 100]), np.array([0, 3, 4, 7]), PostProcessing(0, 0)
    )
    assert [[(e.start, e.end) for e in events if e.label == "dog"] for events in found] == [
        [(0.0, 100.0)],
        [(0.0, 0.0)],
        [(0.0, 100.0)],
    ]


@pytest.mark.parametrize("filter_ms", [0, 100, 150])
def test_what_is_not_a_number_is_not_positive(filter_ms):
    times = np.arange(6) * 50.0
    broken = np.array([[0.9, np.nan, 0.1]] * 3 + [[np.nan, np.nan, 0.9]] * 3)
    whole = np.nan_to_num(broken, nan=0.0)
    setting = PostProcessing(filter_ms, 0)
    found = decode(broken, times, LABELS, setting)
    assert {event.label for event in found} == {"bell", "dog"}
    assert found == decode(whole, times, LABELS, setting)
    assert decode(np.full((6, 3), np.nan), times, LABELS, setting) == []


def test_all_positive_is_one_event_a_label():
    found = decode(np.ones((6, 3), np.float32), np.arange(6) * 50.0, LABELS, PostProcessing(250, 125))
    assert [(event.label, event.start, event.end) for event in found] == [(label, 0.0, 250.0) for label in LABELS]


def test_a_split_without_items_has_no_events():
    assert decoded(np.zeros((0, 3)), np.zeros(0), np.array([0, 0, 0]), PostProcessing(250, 125)) == [[], []]
