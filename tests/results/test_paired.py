"""Two variants on the same clips: McNemar's test, and predictions of a run brought together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results import predictions
from results.paired import mcnemar

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def test_mcnemar_by_hand():
    a = np.array([1] * 10 + [0] * 2 + [1] * 5 + [0] * 3)
    b = np.array([0] * 10 + [1] * 2 + [1] * 5 + [0] * 3)
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b, found.both, found.neither) == (10, 2, 5, 3)
    assert found.p == pytest.approx(2 * (1 + 12 + 66) / 2**12)  # at most 2 of 12 coins, two-sided


@given(pairs)
def test_mcnemar_is_symmetric_and_finds_nothing_against_itself(clips):
    a, b = np.array(clips).T
    assert mcnemar(a, b).p == mcnemar(b, a).p
    assert mcnemar(a, a).p == 1
    assert mcnemar(a[::-1], b[::-1]) == mcnemar(a, b)


def test_mcnemar_errs_no_more_often_than_it_says():
    rng, trials = np.random.default_rng(0), 2000
    wrong = 0
    for _ in range(trials):
        a, b = rng.random((2, 100)) < 0.7
        wrong += mcnemar(a, b).p <= 0.05
    assert wrong <= stats.binom.ppf(0.999, trials, 0.05)
    assert wrong > 0


def test_mcnemar_refuses_other_values():
    with pytest.raises(ValueError, match=r"shapes are \(2,\) and \(3,\); expected \(clips,\) twice"):
        mcnemar([1, 0], [1, 0, 1])
    with pytest.raises(ValueError, match="expected right or wrong"):
        mcnemar([0.5, 1], [1, 0])


def arrays(order, labels=(0, 1, 2), times=()) -> dict[str, np.ndarray]:
    target = np.eye(3, dtype=np.uint8)[list(labels)][list(order)]
    files = np.array([f"{i}.wav" for i in order])
    found = {"prediction": target * np.float32(0.9), "target": target, "files": files}
    found |= {"offsets": np.arange(len(order) + 1), "timestamps": np.array(times)}
    return {f"fold00.{name}": values for name, values in found.items()}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "jobs").mkdir()
    for name, values in {
        "a": arrays((0, 1, 2)),
        "b": arrays((2, 0, 1)),
        "other": arrays((0, 1)),
        "relabeled": arrays((0, 1, 2), labels=(0, 1, 1)),
        "events": arrays((0, 1, 2), times=(0.0, 50.0, 100.0)),
    }.items():
        np.savez(tmp_path / "jobs" / f"{name}.npz", **values)
    return tmp_path


def test_predictions_are_of_the_same_clips(run):
    (first,), (second,) = (predictions.read_predictions(run, job) for job in "ab")
    assert first.fold == "fold00"
    assert predictions.correct(second).all()
    ((one, other),) = predictions.aligned([first], [second])
    assert one.files.tolist() == other.files.tolist() == ["0.wav", "1.wav", "2.wav"]
    np.testing.assert_array_equal(one.prediction, other.prediction)


@pytest.mark.parametrize(
    ("job", "message"), [("other", "has other clips"), ("relabeled", "has other targets"), ("events", "an event task")]
)
def test_predictions_of_other_tasks_are_refused(run, job, message):
    with pytest.raises(ValueError, match=message):
        predictions.aligned(*(predictions.read_predictions(run, name) for name in ("a", job)))


def test_what_is_not_right_or_wrong(run):
    with pytest.raises(FileNotFoundError, match="no predictions at .*nothing.npz"):
        predictions.read_predictions(run, "nothing")
    (events,) = predictions.read_predictions(run, "events")
    with pytest.raises(ValueError, match="is of an event task; expected a scene task"):
        predictions.correct(events)
    many = predictions.Predictions(
        "f", events.files, events.prediction, events.target * 0, events.offsets, np.array([])
    )
    with pytest.raises(ValueError, match="without exactly one label"):
        predictions.correct(many)
