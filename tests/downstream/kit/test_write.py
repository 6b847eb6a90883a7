"""A folder that is read and written again is the same, whole or absent."""

import json
import pickle

import numpy as np
import pytest

from downstream.kit import read, write
from downstream.splits import LabelledSplit
from tests.reference_values import REFERENCE

CASES = ("event", "event_loss_selected", "multiclass", "multilabel")


def same(found: dict[str, LabelledSplit], wanted: dict[str, LabelledSplit]) -> bool:
    arrays = ("x", "y", "offsets", "timestamps")
    assert list(found) == list(wanted)
    return all(
        found[split].files == data.files
        and all(np.array_equal(getattr(found[split], name), getattr(data, name)) for name in arrays)
        for split, data in wanted.items()
    )


@pytest.mark.parametrize("case", CASES)
def test_what_the_kit_wrote_is_written_again_alike(case, tmp_path, monkeypatch):
    source = REFERENCE / "heareval" / case
    task, splits = read.read_folder(source)
    monkeypatch.setattr("downstream.probes.features.PIECE_BYTES", 1 << 12)  # several chunks a split
    write.write_folder(task, splits, tmp_path / case)
    again, found = read.read_folder(tmp_path / case)
    assert same(found, splits)
    assert (again.labels, again.items, again.metrics) == (task.labels, task.items, task.metrics)
    known = {path.name for path in source.iterdir()} - {"golden.json", "initial_weights.npz", "test_predictions.npz"}
    assert {path.name for path in (tmp_path / case).iterdir()} == known
    for name in known:
        theirs, ours = (folder / name for folder in (source, tmp_path / case))
        if name.endswith(".pkl"):
            rows = [pickle.loads(path.read_bytes()) for path in (ours, theirs)]
            assert [set(row) for row in rows[0]] == [set(row) for row in rows[1]], name
        elif name.endswith("filename-timestamps.json"):
            rows = [json.loads(path.read_text()) for path in (ours, theirs)]
            assert [row[1] for row in rows[0]] == [row[1] for row in rows[1]]
        else:
            assert ours.read_bytes() == theirs.read_bytes(), name


def test_a_difference_is_seen():
    _, splits = read.read_folder(REFERENCE / "heareval" / "multiclass")
    first = splits["fold00"]
    x = first.x[:].copy()
    x[0, 0] += 1e-6
    changed = {**splits, "fold00": LabelledSplit(x, first.y, first.files, first.offsets, first.timestamps)}
    assert not same(changed, splits)


def test_what_is_there_is_kept(tmp_path):
    task, splits = read.read_folder(REFERENCE / "heareval" / "multiclass")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="made is there already; remove it or name another folder"):
        write.write_folder(task, splits, tmp_path / "made")
    assert (tmp_path / "made" / "note.txt").read_text() == "mine"


def test_a_folder_that_fails_is_absent(tmp_path, monkeypatch):
    task, splits = read.read_folder(REFERENCE / "heareval" / "multiclass")

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(write, "_names", full)
    with pytest.raises(OSError, match="no space left"):
        write.write_folder(task, splits, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []
