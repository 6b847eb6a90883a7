"""Predictions of a run, and the clips that comparisons take of them; damaged ones are named, and cost no memory."""

import zipfile

import numpy as np
import pytest

from results.rows import predictions


def arrays(order, labels=(0, 1, 2), times=()) -> dict[str, np.ndarray]:
    target = np.eye(3, dtype=np.uint8)[list(labels)][list(order)]
    files = np.array([f"{i}.wav" for i in order])
    found = {"prediction": target * np.float32(0.9), "target": target, "files": files}
    found |= {"offsets": np.arange(len(order) + 1), "timestamps": np.array(times)}
    return {f"fold00.{name}": values for name, values in found.items()}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "jobs").mkdir()
    groups = {"fold00.groups": np.array(["c", "", "a"])}
    for name, values in {
        "a": arrays((0, 1, 2)),
        "b": arrays((2, 0, 1)) | groups,
        "other": arrays((0, 1)),
        "relabeled": arrays((0, 1, 2), labels=(0, 1, 1)),
        "events": arrays((0, 1, 2), times=(0.0, 50.0, 100.0)),
    }.items():
        np.savez(tmp_path / "jobs" / f"{name}.npz", **values)
    return tmp_path


def test_clips_are_in_the_order_of_their_names(run):
    (first,), (second,) = (predictions.read_clips(run, job) for job in "ab")
    assert first.files.tolist() == second.files.tolist() == ["0.wav", "1.wav", "2.wav"]
    np.testing.assert_array_equal(first.prediction, second.prediction)
    assert first.groups is None  # of a run that did not keep them
    assert second.groups.tolist() == ["", "a", "c"]
    predictions.same_clips(first, second)
    assert predictions.correct(second).all()
    (whole,) = predictions.read_predictions(run, "b")
    assert whole.groups.tolist() == ["c", "", "a"]


@pytest.mark.parametrize(
    ("job", "message"), [("other", "has other clips"), ("relabeled", "has other targets"), ("events", "other targets")]
)
def test_clips_of_other_tasks_are_refused(run, job, message):
    (first,), (second,) = (predictions.read_clips(run, name) for name in ("a", job))
    with pytest.raises(ValueError, match=message):
        predictions.same_clips(first, second)


def test_what_is_not_right_or_wrong(run):
    for read in (predictions.read_predictions, predictions.read_clips):
        with pytest.raises(FileNotFoundError, match="no predictions at .*nothing.npz"):
            read(run, "nothing")
        (events,) = read(run, "events")
        with pytest.raises(ValueError, match="is of an event task; expected a scene task"):
            predictions.correct(events)
    (scene,) = predictions.read_clips(run, "a")
    many = predictions.Clips("f", scene.files, None, scene.prediction, scene.target * 0, None)
    with pytest.raises(ValueError, match="without exactly one label"):
        predictions.correct(many)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def claim(path):
    with zipfile.ZipFile(path, "w") as archive:
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**50},), }}".ljust(117) + "\n"
        for name in ("files", "prediction", "target", "offsets", "timestamps"):
            archive.writestr(f"a.{name}.npy", b"\x93NUMPY\x01\x00v\x00" + text.encode())


def lack(path):
    np.savez_compressed(path, **{"a.target": np.zeros(3)})


def replace(path):
    path.write_text("text")


@pytest.mark.parametrize("read", [predictions.read_predictions, predictions.read_clips])
@pytest.mark.parametrize("damage", [cut, claim, lack, replace])
def test_damaged_predictions_are_named(tmp_path, damage, read):
    path = tmp_path / "jobs" / "one.npz"
    path.parent.mkdir()
    np.savez_compressed(path, **{f"a.{name}": np.zeros(3) for name in ("files", "prediction", "target", "offsets")})
    damage(path)
    with pytest.raises(ValueError, match="one.npz: not the predictions of a job: .*; remove it and one.json") as error:
        read(tmp_path, "one")
    assert "\n" not in str(error.value)


def test_predictions_that_unpack_to_more_than_the_memory_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "jobs" / "one.npz"
    path.parent.mkdir()
    np.savez_compressed(path, **{"a.target": np.zeros(10**6)})
    monkeypatch.setattr(predictions.os, "sysconf", lambda name: 1000)
    with pytest.raises(ValueError, match=r"it unpacks to 0.0 GB, expected less than the memory, 0.0 GB"):
        predictions.read_predictions(tmp_path, "one")
