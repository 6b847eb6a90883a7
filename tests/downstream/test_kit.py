import json
import pickle
import shutil

import numpy as np
import pytest

from downstream import events, kit
from downstream.task import Event
from tests.reference_values import REFERENCE


@pytest.fixture
def folder(tmp_path):
    def copy(case):
        return shutil.copytree(REFERENCE / "heareval" / case, tmp_path / case)

    return copy


def test_a_scene_folder(folder):
    task, splits = kit.read_folder(folder("multilabel"))
    assert list(splits) == ["train", "valid", "test"]
    test = splits["test"]
    assert test.x.shape[0] == len(test.y) == len(test.files)
    assert test.y.shape[1] == len(task.labels)
    assert set(np.unique(test.y)) == {0.0, 1.0}


def test_an_event_folder_has_the_labels_of_its_events(folder):
    task, splits = kit.read_folder(folder("event"))
    for split, found in splits.items():
        assert found.offsets[-1] == len(found.timestamps) == len(found.x)
        for i, file in enumerate(found.files):
            rows = slice(found.offsets[i], found.offsets[i + 1])
            wanted = events.targets(task.items[split][file], found.timestamps[rows], task.labels)
            assert np.array_equal(found.y[rows], wanted)
            assert isinstance(task.items[split][file][0], Event)


@pytest.mark.parametrize(
    "name",
    [
        "train.embeddings.npy",
        "train.embedding-dimensions.json",
        "train.target-labels.pkl",
        "train.filename-timestamps.json",
    ],
)
def test_a_missing_file_is_named(folder, name):
    path = folder("event")
    (path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        kit.read_folder(path)


class _Code:
    def __reduce__(self):
        return (print, ("executed",))


def test_labels_that_would_run_code_are_refused(folder, capsys):
    path = folder("multiclass")
    (path / "fold00.target-labels.pkl").write_bytes(pickle.dumps([["c1"], _Code()]))
    with pytest.raises(ValueError, match=r"fold00.target-labels.pkl: .*builtins.print, expected only lists, strings"):
        kit.read_folder(path)
    assert "executed" not in capsys.readouterr().out


def test_files_that_do_not_fit_one_another_are_named(folder):
    path = folder("multiclass")
    labels = path / "fold00.target-labels.pkl"
    good = labels.read_bytes()
    labels.write_bytes(pickle.dumps(pickle.loads(good)[:-1]))
    with pytest.raises(ValueError, match=r"49 rows, expected 50 as in the embeddings"):
        kit.read_folder(path)
    labels.write_bytes(pickle.dumps([["unknown"]] * 50))
    with pytest.raises(ValueError, match=r"label 'unknown' is not in labelvocabulary.csv"):
        kit.read_folder(path)
    labels.write_bytes(good)
    (path / "fold00.embedding-dimensions.json").write_text(json.dumps([50, 25]))
    with pytest.raises(ValueError, match=r"4800 bytes, expected 5000 for \[50, 25\] float32"):
        kit.read_folder(path)
