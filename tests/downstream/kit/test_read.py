"""What a folder of hear-eval-kit gives, and how each way in which it can be broken is named."""

import json
import pickle
import shutil

import numpy as np
import pytest

from downstream.events import targets
from downstream.kit import read
from downstream.scores.scoring import Scorer
from downstream.splits import item_order
from downstream.tasks.task import Event
from tests.reference_values import REFERENCE


@pytest.fixture
def folder(tmp_path):
    def copy(case):
        return shutil.copytree(REFERENCE / "heareval" / case, tmp_path / case)

    return copy


def test_a_scene_folder(folder):
    task, splits = read.read_folder(folder("multilabel"))
    assert list(splits) == ["train", "valid", "test"]
    test = splits["test"]
    assert test.x.shape[0] == len(test.y) == len(test.files)
    assert test.y.shape[1] == len(task.labels)
    assert set(np.unique(test.y)) == {0.0, 1.0}


def test_scene_rows_have_their_clips_names_where_labels_confirm_the_order(folder):
    path = folder("multiclass")
    task, splits = read.read_folder(path)
    assert splits["fold00"].files == tuple(map(str, range(50)))  # this folder's rows are in another order
    order = {split: [list(task.items[split][file]) for file in files] for split, files in item_order(task).items()}
    for split, labels in order.items():
        (path / f"{split}.target-labels.pkl").write_bytes(pickle.dumps(labels))
    for split, found in read.read_folder(path)[1].items():
        assert list(found.files) == item_order(task)[split]
        assert [[task.labels[row.argmax()]] for row in found.y] == order[split]


def test_an_event_folder_has_the_labels_of_its_events(folder):
    task, splits = read.read_folder(folder("event"))
    for split, found in splits.items():
        assert found.offsets[-1] == len(found.timestamps) == len(found.x)
        for i, file in enumerate(found.files):
            rows = slice(found.offsets[i], found.offsets[i + 1])
            wanted = targets.targets(task.items[split][file], found.timestamps[rows], task.labels)
            assert np.array_equal(found.y[rows], wanted)
            assert isinstance(task.items[split][file][0], Event)


@pytest.mark.parametrize("name", [read.EMBEDDINGS, read.DIMENSIONS, read.LABELS, read.TIMESTAMPS])
def test_a_missing_file_is_named(folder, name):
    path = folder("event")
    (path / f"train.{name}").unlink()
    with pytest.raises(FileNotFoundError, match=f"train.{name} is missing"):
        read.read_folder(path)


def test_a_task_folder_and_a_folder_of_folders_are_named(scene_task, folder):
    with pytest.raises(FileNotFoundError, match=r"train.embeddings.npy is missing: a task folder without embeddings"):
        read.read_folder(scene_task())
    path = folder("event")
    with pytest.raises(ValueError, match=f"expected an embedding folder, got a folder of such: name {path.parent}"):
        read.read_folder(path.parent)
    with pytest.raises(FileNotFoundError, match="no task folder at"):
        read.read_folder(path / "elsewhere")


class _Code:
    def __reduce__(self):
        return (exec, ("print('executed')",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_labels_of_every_pickle_protocol(folder, protocol):
    path = folder("multiclass")
    labels = path / "fold00.target-labels.pkl"
    wanted = read.read_folder(path)[1]["fold00"].y
    labels.write_bytes(pickle.dumps(pickle.loads(labels.read_bytes()), protocol=protocol))
    assert np.array_equal(read.read_folder(path)[1]["fold00"].y, wanted)


def test_labels_that_would_run_code_are_refused(folder, capsys):
    path = folder("multiclass")
    (path / "fold00.target-labels.pkl").write_bytes(pickle.dumps([["c1"], _Code()]))
    with pytest.raises(ValueError, match=r"fold00.target-labels.pkl: .*builtins.exec, expected only lists, strings"):
        read.read_folder(path)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["c1"]] * 49, "49 rows, expected 50 as in the embeddings"),
        ([["unknown"]] * 50, "row 0: label 'unknown' is not in labelvocabulary.csv"),
        ([["c1"]] * 3 + [["c1", "c2"]] * 47, r"row 3: expected exactly one label \(multiclass\), got \['c1', 'c2'\]"),
        ([["c1"]] * 2 + ["c1"] * 48, "row 2: expected a list of labels, got 'c1'"),
        ([[True]] * 50, r"row 0: expected a list of labels, got \[True\]"),
        ([[None]] * 50, r"row 0: expected a list of labels, got \[None\]"),
        ([("c1",)] * 50, "row 0: expected a list of labels"),
        ({"c1": 1}, "expected a list of lists of labels, got dict"),
        ([[np.int64(1)]] * 50, "expected only lists, strings and numbers"),
    ],
)
def test_labels_of_another_form_are_named(folder, rows, message):
    path = folder("multiclass")
    (path / "fold00.target-labels.pkl").write_bytes(pickle.dumps(rows))
    with pytest.raises(ValueError, match=f"fold00.target-labels.pkl: .*{message}"):
        read.read_folder(path)


@pytest.mark.parametrize("row", [b"]" * 5000 + b"a" * 4999, b"]\x8b\x00\x20\x00\x00" + b"\x01" * 8192 + b"a"])
def test_labels_that_cannot_be_shown_are_named(folder, row):
    """Lists within lists, and a number of 20,000 digits."""
    path = folder("multiclass")
    (path / "fold00.target-labels.pkl").write_bytes(b"\x80\x04](" + row + b"e.")
    expected = r"fold00.target-labels.pkl: row 0: .*(got \[\[\[\.\.\.|'a whole number of about 19727 digits')"
    with pytest.raises(ValueError, match=expected):
        read.read_folder(path)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_pickle_cut_off_is_named(folder, size):
    path = folder("multiclass")
    labels = path / "fold00.target-labels.pkl"
    labels.write_bytes(labels.read_bytes()[:size])
    with pytest.raises(ValueError, match=f"fold00.target-labels.pkl: {size} bytes, not a pickled list of label names"):
        read.read_folder(path)


def test_embeddings_cut_off_are_named(folder):
    path = folder("multiclass")
    file = path / "fold01.embeddings.npy"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"fold01.embeddings.npy: {size - 100} bytes, expected {size} for"):
        read.read_folder(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[50, 25]", r"embeddings.npy: 4800 bytes, expected 5000 for \[50, 25\] float32"),
        ("[50, 2", "embedding-dimensions.json: 6 bytes, not JSON"),
        ("[" * 200_000, "embedding-dimensions.json: 200000 bytes, not JSON"),
        ("[50]", r"expected \[rows, dim\], two whole numbers above 0, got \[50\]"),
        ("[0, 24]", r"expected \[rows, dim\].*got \[0, 24\]"),
        ("[50.0, 24]", r"expected \[rows, dim\].*got \[50.0, 24\]"),
        ("[-50, -24]", r"expected \[rows, dim\]"),
        ("[true, 1200]", r"expected \[rows, dim\]"),
        ("[25, 48]", "rows, expected 25 as in the embeddings"),
    ],
)
def test_dimensions_that_are_none_are_named(folder, text, message):
    path = folder("multiclass")
    (path / "fold00.embedding-dimensions.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read.read_folder(path)


def test_splits_of_different_dimensions_are_named(folder):
    path = folder("multiclass")
    np.zeros((50, 5), dtype=np.float32).tofile(path / "fold00.embeddings.npy")
    (path / "fold00.embedding-dimensions.json").write_text("[50, 5]")
    with pytest.raises(ValueError, match=r"must have one dimension, got \{'fold00': 5, 'fold01': 24"):
        read.read_folder(path)


def test_rows_beyond_the_items_are_named(folder):
    path = folder("multiclass")
    items = json.loads((path / "fold00.json").read_text())
    items.popitem()
    (path / "fold00.json").write_text(json.dumps(items))
    with pytest.raises(ValueError, match="50 rows, expected 49, one for each item of fold00.json"):
        read.read_folder(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_not_finite_is_named_wherever_the_chunks_end(folder, value, monkeypatch):
    path = folder("multiclass")
    x = np.fromfile(path / "fold02.embeddings.npy", dtype=np.float32).reshape(-1, 24)
    x[17, 3] = x[31, 0] = value
    x.tofile(path / "fold02.embeddings.npy")
    with pytest.raises(ValueError, match="fold02.embeddings.npy: row 17 is not finite"):
        read.read_folder(path)


def _apart(rows):
    rows.append(rows.pop(0))


def _set(value):
    return lambda rows: rows[7].__setitem__(1, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_apart, "expected the rows of a file to lie together, those of .* are apart"),
        (_set(float("nan")), "row 7: expected a timestamp in ms of at least 0, got nan"),
        (_set(float("inf")), "row 7: expected a timestamp in ms of at least 0, got inf"),
        (_set(-1.0), "row 7: expected a timestamp in ms of at least 0, got -1.0"),
        (_set("1"), r"row 7: expected \[path, ms\], got \["),
        (_set(None), r"row 7: expected \[path, ms\], got \["),
        (lambda rows: rows[7].append(1), r"row 7: expected \[path, ms\], got \["),
        (lambda rows: rows.pop(), r"expected a list of \d+ rows as in the embeddings, got \d+ rows"),
        (lambda rows: [r.__setitem__(0, "other.wav") for r in rows if r[0] == rows[-1][0]], "in one of them only"),
    ],
)
def test_timestamps_that_fit_nothing_are_named(folder, change, message):
    path = folder("event")
    file = path / "valid.filename-timestamps.json"
    rows = json.loads(file.read_text())
    change(rows)
    file.write_text(json.dumps(rows))
    with pytest.raises(ValueError, match=f"valid.filename-timestamps.json: .*{message}"):
        read.read_folder(path)


def test_timestamps_out_of_order_are_put_in_order_as_by_the_kit(folder, caplog):
    path = folder("event")
    task, splits = read.read_folder(path)
    file, wanted = path / "valid.filename-timestamps.json", splits["valid"]
    rows, turned = json.loads(file.read_text()), np.arange(len(wanted.y))
    turned[[4, 5, 9]] = turned[[5, 9, 4]]
    file.write_text(json.dumps([rows[i] for i in turned]))
    _, splits = read.read_folder(path)
    assert "valid.filename-timestamps.json: row 6: 300 ms after 450 ms" in caplog.text
    found = Scorer(task, "valid", splits["valid"]).validate(wanted.y[turned])
    assert found == Scorer(task, "valid", wanted).validate(wanted.y)


def test_half_a_json_is_named(folder):
    path = folder("event")
    for name in ("valid.filename-timestamps.json", "valid.json", "task_metadata.json"):
        whole = (path / name).read_text()
        (path / name).write_text(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=f"{name}: .*not JSON"):
            read.read_folder(path)
        (path / name).write_text(whole)
    (path / "valid.filename-timestamps.json").write_text("{}")
    with pytest.raises(ValueError, match=r"expected a list of \d+ rows as in the embeddings, got \{\}"):
        read.read_folder(path)


def test_pickled_lists_that_double_themselves_are_named_at_once(folder):
    tree = "c1"
    for _ in range(100):
        tree = [tree, tree]
    path = folder("multiclass")
    (path / "fold00.target-labels.pkl").write_bytes(pickle.dumps([tree]))
    with pytest.raises(ValueError, match="fold00.target-labels.pkl: row 0: expected a list of labels") as error:
        read.read_folder(path)
    assert len(str(error.value)) < 1000
