import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from downstream.scores import metrics
from downstream.tasks.task import Event
from results.rows.event_counts import EVENT_SCORES
from tests.downstream.events.plain_events import plain_error_rate, plain_f_measure, tables

EVENTS = st.lists(
    st.builds(
        lambda label, start, length: Event(label, start, start + length),
        st.sampled_from("ab"),
        st.integers(0, 40).map(lambda n: 50.0 * n),
        st.integers(0, 10).map(lambda n: 50.0 * n),
    ),
    max_size=5,
)


PAIRS = st.lists(st.tuples(EVENTS, EVENTS), min_size=1, max_size=3)


def of_events(name, pairs):
    """Scores of pairs of event lists (reference, predicted), one a file."""
    return metrics.get(name).score(*tables(pairs, ("a", "b")))


def onset_200(pairs):
    return of_events("event_onset_200ms_fms", pairs)


def test_accuracies():
    predictions, targets = np.eye(24)[[0, 13, 5, 6]], np.eye(24)[[0, 1, 5, 7]]
    assert metrics.get("top1_acc").score(predictions, targets) == {"top1_acc": 0.5}
    assert metrics.get("pitch_acc").score(predictions, targets) == {"pitch_acc": 0.5}
    assert metrics.get("chroma_acc").score(predictions, targets) == {"chroma_acc": 0.75}  # 13 and 1 are an octave apart


def test_octaves_of_predictions_and_of_targets_are_forgiven():
    predictions, targets = np.eye(36)[[1, 1, 13, 25, 2]], np.eye(36)[[13, 25, 1, 13, 13]]
    assert metrics.get("chroma_acc").score(predictions, targets) == {"chroma_acc": 0.8}
    assert metrics.get("pitch_acc").score(predictions, targets) == {"pitch_acc": 0.0}


def test_ranking_metrics_of_a_perfect_and_a_useless_predictor():
    targets = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
    useless = np.full((4, 2), 0.5)
    assert metrics.get("mAP").score(targets * 0.9, targets)["mAP"] == 1.0
    assert metrics.get("aucroc").score(useless, targets)["aucroc"] == 0.5
    assert metrics.get("d_prime").score(useless, targets)["d_prime"] == 0.0
    assert metrics.get("mAP").score(useless, targets)["mAP"] == 0.5


def test_d_prime_is_the_mean_over_labels():
    rng = np.random.default_rng(0)
    targets, predictions = rng.integers(0, 2, (200, 3)), rng.random((200, 3))
    areas = [metrics.get("aucroc").score(predictions[:, [i]], targets[:, [i]])["aucroc"] for i in range(3)]
    quantiles = [math.sqrt(2) * norm.ppf(area) for area in areas]
    assert metrics.get("d_prime").score(predictions, targets)["d_prime"] == pytest.approx(np.mean(quantiles))


def test_a_label_without_positives_is_not_an_error():
    targets, predictions = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.3]])
    assert math.isnan(metrics.get("aucroc").score(predictions, targets)["aucroc"])


@pytest.mark.parametrize("name", ["mAP", "aucroc", "d_prime"])
def test_predictions_of_a_diverged_probe_have_no_score(name):
    assert math.isnan(metrics.get(name).score(np.array([[math.nan], [0.5]]), np.array([[1], [0]]))[name])


def test_onsets_are_compared_without_slack():
    near = [([Event("a", 4300.0, 4400.0)], [Event("a", 4499.0, 4600.0)])]
    assert onset_200(near)["event_onset_200ms_fms"] == 1.0
    edge = [([Event("a", 4300.0, 4400.0)], [Event("a", 4500.0, 4600.0)])]  # 0.2 s in milliseconds, more in seconds
    assert onset_200(edge)["event_onset_200ms_fms"] == 0.0
    exact = [([Event("a", 0.0, 100.0)], [Event("a", 200.0, 300.0)])]
    assert onset_200(exact)["event_onset_200ms_fms"] == 1.0


def test_labels_have_to_agree():
    assert onset_200([([Event("a", 0, 100)], [Event("b", 0, 100)])])["event_onset_200ms_fms"] == 0.0


def test_offsets_may_be_off_by_50_ms_or_20_percent():
    name = "event_onset_offset_50ms_20perc_fms"

    def score(pairs):
        return of_events(name, pairs)

    assert score([([Event("a", 0, 1000)], [Event("a", 40, 1190)])])[name] == 1.0
    assert score([([Event("a", 0, 1000)], [Event("a", 40, 1210)])])[name] == 0.0
    assert score([([Event("a", 0, 100)], [Event("a", 0, 149)])])[name] == 1.0
    assert score([([Event("a", 0, 100)], [Event("a", 60, 110)])])[name] == 0.0


def test_matching_is_optimal_not_greedy():
    reference = [Event("a", 0, 100), Event("a", 150, 300)]
    found = [Event("a", 140, 200), Event("a", 340, 400)]  # the first may take either, the second only 150
    assert onset_200([(reference, found)])["event_onset_200ms_fms"] == 1.0


def test_counts_are_pooled_over_files():
    pairs = [([Event("a", 0, 100)], [Event("a", 0, 100)]), ([Event("a", 0, 100)] * 3, [])]
    assert onset_200(pairs) == {
        "event_onset_200ms_fms": pytest.approx(0.4),
        "event_onset_200ms_fms_precision": 1.0,
        "event_onset_200ms_fms_recall": 0.25,
    }


def test_nothing_predicted_is_nan():
    scores = onset_200([([Event("a", 0, 100)], [])])
    assert math.isnan(scores["event_onset_200ms_fms"])
    assert math.isnan(scores["event_onset_200ms_fms_precision"])
    assert scores["event_onset_200ms_fms_recall"] == 0.0


@given(EVENTS, EVENTS)
def test_the_matching_is_as_large_as_any(reference, found):
    hits = 0
    for order in itertools.permutations(range(len(found)), min(len(reference), len(found))):
        chosen = zip(reference, (found[i] for i in order), strict=False)
        hits = max(hits, sum(r.label == f.label and abs(r.start / 1e3 - f.start / 1e3) <= 0.2 for r, f in chosen))
    for order in itertools.permutations(range(len(reference)), min(len(reference), len(found))):
        chosen = zip((reference[i] for i in order), found, strict=False)
        hits = max(hits, sum(r.label == f.label and abs(r.start / 1e3 - f.start / 1e3) <= 0.2 for r, f in chosen))
    recall = onset_200([(reference, found)])["event_onset_200ms_fms_recall"]
    assert (math.isnan(recall) and not reference) or recall == hits / len(reference)


@given(EVENTS.filter(bool))
def test_a_perfect_prediction(events):
    assert onset_200([(events, events)])["event_onset_200ms_fms"] == 1.0
    assert of_events("segment_1s_er", [(events, events)])["segment_1s_er"] in (
        0.0,
        pytest.approx(math.nan, nan_ok=True),
    )


def test_the_segment_error_rate():
    reference = [Event("a", 0, 2500), Event("b", 1000, 1900)]  # a in 0, 1, 2; b in 1
    found = [Event("b", 0, 900), Event("a", 1200, 1500), Event("a", 4000, 4100)]  # substitution, deletion x2, insertion
    assert of_events("segment_1s_er", [(reference, found)])["segment_1s_er"] == 1.0
    assert not metrics.get("segment_1s_er").higher_is_better


@given(PAIRS)
def test_scores_are_those_of_loops_over_events(pairs):
    for name, onset_s, ratio in (
        ("event_onset_200ms_fms", 0.2, None),
        ("event_onset_50ms_fms", 0.05, None),
        ("event_onset_offset_50ms_20perc_fms", 0.05, 0.2),
    ):
        wanted = plain_f_measure(pairs, onset_s, ratio)
        assert np.array_equal(list(of_events(name, pairs).values()), wanted, equal_nan=True)
    found = of_events("segment_1s_er", pairs)["segment_1s_er"]
    assert np.array_equal(found, plain_error_rate(pairs), equal_nan=True)


@given(PAIRS)
def test_counts_of_files_make_the_score(pairs):
    assert EVENT_SCORES.keys() == {name for name, metric in metrics.METRICS.items() if metric.of_events}
    for name, score in EVENT_SCORES.items():
        wanted, counts = of_events(name, pairs)[name], metrics.get(name).counts(*tables(pairs, ("a", "b")))
        found = score(counts.sum(0))
        if math.isnan(wanted):  # 0 of a swap pattern in which no event is predicted
            assert math.isnan(found) or (found == 0 and not counts[:, 1].any())
        else:
            assert found == pytest.approx(wanted, abs=1e-12)
        alone = [metrics.get(name).counts(*tables([pair], ("a", "b")))[0] for pair in pairs]
        np.testing.assert_array_equal(counts, alone)


@pytest.mark.parametrize("far", [0.0, 1e9])
def test_onsets_far_from_zero_and_many_files(far):
    """The search for candidates lays all files on one axis; neither its length nor its rounding may cost a match."""
    files = 2000
    pairs = [([Event("a", far + 250.0, far + 500.0)], [Event("b", far, far), Event("a", far, far)])] * files
    scores = onset_200([*pairs, ([Event("a", far, far)], [Event("a", far + 200.0, far + 200.0)])])
    hits = abs((far + 200.0) / 1000 - far / 1000) <= 0.2
    assert scores["event_onset_200ms_fms_recall"] == hits / (files + 1)
    scores = onset_200([([e for e in r if e.label == "a"], [Event("a", far + 100, far + 300)]) for r, _ in pairs])
    assert scores["event_onset_200ms_fms"] == 1.0


def test_a_crowd_of_equal_events_is_matched_one_to_one():
    event = Event("a", 1000.0, 1400.0)
    assert onset_200([([event] * 300, [event] * 200)])["event_onset_200ms_fms_recall"] == pytest.approx(2 / 3)


def test_a_label_without_positives_counts_as_zero_in_map_as_in_the_kit():
    targets, predictions = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.3]])
    assert metrics.get("mAP").score(predictions, targets)["mAP"] == 0.5


def test_d_prime_of_a_perfect_label_is_infinite():
    assert metrics.get("d_prime").score(np.array([[0.9], [0.1]]), np.array([[1], [0]]))["d_prime"] == math.inf


def test_an_unknown_metric_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown metric 'accuracy'; expected one of top1_acc, pitch_acc"):
        metrics.get("accuracy")
