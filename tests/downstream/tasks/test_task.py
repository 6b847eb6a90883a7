import json

import pytest

from downstream.checks import check_task
from downstream.tasks.task import Event, Fold, Task
from tests.reference_values import REFERENCE


def rewrite(folder, **changes):
    path = folder / "task_metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_scene_task(scene_task):
    task = Task.from_dir(scene_task())
    assert (task.name, task.embedding_type, task.labels, task.metrics) == (
        "tones",
        "scene",
        ("low", "high"),
        ("top1_acc",),
    )
    assert task.items["train"]["train1.wav"] == ("high",)
    assert task.folds() == (Fold(("train",), "valid", "test"),)


def test_an_event_task(event_task):
    task = Task.from_dir(event_task())
    assert task.is_event
    assert task.items["test"]["test0.wav"][0] == Event("low", 200.0, 700.0)


def test_folds_are_cyclic(scene_task):
    folds = Task.from_dir(scene_task(split_mode="presplit_kfold", splits=["fold02", "fold00", "fold01"])).folds()
    assert folds == (
        Fold(("fold02",), "fold01", "fold00"),
        Fold(("fold00",), "fold02", "fold01"),
        Fold(("fold01",), "fold00", "fold02"),
    )


def test_training_folds_keep_the_order_of_their_names(scene_task):
    folds = Task.from_dir(scene_task(split_mode="new_split_kfold", splits=list("ecadb"))).folds()
    assert [(fold.test, fold.valid, "".join(fold.train)) for fold in folds] == [
        ("a", "b", "cde"),
        ("b", "c", "ade"),
        ("c", "d", "abe"),
        ("d", "e", "abc"),
        ("e", "a", "bcd"),
    ]


def test_embedding_folders_of_the_kit_are_tasks():
    assert Task.from_dir(REFERENCE / "heareval" / "event_loss_selected").selects_by_loss


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"split_mode": "holdout"},
            "split_mode must be one of trainvaltest, presplit_kfold, new_split_kfold, got 'holdout'",
        ),
        ({"embedding_type": None}, "embedding_type must be one of scene, event, got None"),
        ({"prediction_type": "rank"}, "prediction_type must be one of multiclass, multilabel, regression, got 'rank'"),
        ({"evaluation": []}, r"evaluation must be a list of names, got \[\]"),
        ({"split_mode": "presplit_kfold", "splits": ["f0", "f1", "f2", "f2"]}, "splits must be distinct"),
        (
            {"split_mode": "presplit_kfold", "splits": ["f0", "f1", "../f2"]},
            "splits must be names of files, got '../f2'",
        ),
        ({"split_mode": "presplit_kfold", "splits": ["f0", "f1", ".."]}, "splits must be names of files, got '..'"),
        ({"evaluation_params": [1]}, r"evaluation_params must be an object, got \[1\]"),
        ({"embedding_type": ["scene"]}, r"embedding_type must be one of scene, event, got \['scene'\]"),
        ({"task_name": ["a"]}, r"task_name must be text, got \['a'\]"),
        ({"sample_duration": [1]}, r"sample_duration must be a number above 0, got \[1\]"),
        ({"sample_duration": "x"}, "sample_duration must be a number above 0, got 'x'"),
        ({"sample_duration": float("inf")}, "sample_duration must be a number above 0, got inf"),
        ({"sample_duration": 10**400}, "sample_duration must be a number above 0, got a whole number of about 401"),
        ({"use_scoring_for_early_stopping": "no"}, "use_scoring_for_early_stopping must be true or false, got 'no'"),
        ({"splits": ["train", 1, "test"]}, "splits, number 2, must be text, got 1"),
        ({"splits": {"train": 1}}, "splits must be a list of names, got"),
        ({"splits": ["train", "test"]}, "splits of trainvaltest must be train, valid and test"),
        ({"embedding_type": "event"}, "prediction_type of an event task must be multilabel, got 'multiclass'"),
        ({"split_mode": "presplit_kfold", "splits": ["fold00", "fold01"]}, "presplit_kfold needs at least 3 folds"),
    ],
)
def test_broken_metadata_is_named(scene_task, changes, message):
    folder = scene_task()
    rewrite(folder, **changes)
    with pytest.raises(ValueError, match=message) as error:
        Task.from_dir(folder)
    assert "task_metadata.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_metadata(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"task_metadata.json is missing; a HEAR task folder has one"):
        Task.from_dir(tmp_path)
    with pytest.raises(FileNotFoundError, match="no task folder at"):
        Task.from_dir(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train.json", {"a.wav": ["middle"]}, r"train.json: a.wav: label 'middle' is not in labelvocabulary.csv"),
        ("train.json", {"a.wav": ["low", "high"]}, "a multiclass item has exactly one label"),
        ("train.json", {"a.wav": "low"}, "train.json: a.wav: its labels must be a list, got 'low'"),
        ("train.json", ["a.wav"], "the file must be a JSON object"),
        ("train.json", {}, "lists no files"),
        ("train.json", {"a.wav": [True]}, "a.wav: its labels, number 1, must be text, got True"),
        ("train.json", {"a.wav": [None]}, "a.wav: its labels, number 1, must be text, got None"),
        ("train.json", {"a.wav": [["low"]]}, "a.wav: its labels, number 1, must be text, got"),
        (
            "train.json",
            {"../valid/valid0.wav": ["low"]},
            r"'../valid/valid0.wav' must be the name of a file",
        ),
        ("train.json", {"/etc/passwd": ["low"]}, "'/etc/passwd' must be the name of a file in the split's folder"),
        ("train.json", {"a/../b.wav": ["low"]}, "'a/../b.wav' must be the name of a file"),
        ("train.json", {"./a.wav": ["low"]}, "'./a.wav' must be the name of a file"),
        ("train.json", {"": ["low"]}, "'' must be the name of a file"),
        ("train.json", {"..": ["low"]}, "'..' must be the name of a file"),
        ("train.json", {"\udcff.wav": ["low"]}, r"every key must be text in Unicode, got '\\udcff.wav'"),
        ("train.json", '{"a.wav": ["low"], "a.wav": ["high"]}', "the key 'a.wav' is there twice"),
        ("labelvocabulary.csv", "idx,label,label\n0,low,x\n1,high,x\n", "the column label is there twice"),
        ("labelvocabulary.csv", 'idx,label\n0,"low\n1,high\n', "line 2: not a row of a CSV file"),
        ("labelvocabulary.csv", "idx;label\n0;low\n1;high\n", "columns are separated by ';', expected commas"),
        ("task_metadata.json", "{", "not JSON"),
        ("labelvocabulary.csv", "name\nlow\n", "expected a header idx,label"),
        ("labelvocabulary.csv", "idx,label\n0,low\n2,high\n", r"idx must count 0, 1, ..., 1"),
        ("labelvocabulary.csv", "label,idx\nlow,0\nhigh\n", "line 3 must have 2 values, got 1"),
        (
            "labelvocabulary.csv",
            "idx,label\n0,low\n2,high\n1,low\n",
            r"labels must be distinct, got 'low' as 0 and as 1",
        ),
    ],
)
def test_broken_files_are_named(scene_task, file, content, message):
    folder = scene_task()
    (folder / file).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=message) as error:
        Task.from_dir(folder)
    assert file in str(error.value)


def test_a_vocabulary_in_another_encoding_is_named(scene_task):
    folder = scene_task()
    (folder / "labelvocabulary.csv").write_bytes("idx,label\n0,tief\n1,höher\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"labelvocabulary.csv: not in UTF-8: line 3 holds the byte 0xf6"):
        Task.from_dir(folder)


def test_absent_evaluation_params_are_none_at_all(scene_task):
    folder = scene_task()
    rewrite(folder, evaluation_params=None)
    assert Task.from_dir(folder).evaluation_params == {}


@pytest.mark.parametrize("file", ["valid.json", "labelvocabulary.csv"])
def test_missing_files_are_named(scene_task, file):
    folder = scene_task()
    (folder / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"{file} is missing"):
        Task.from_dir(folder)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([{"label": "low", "start": 0}], r"test0.wav: its events, number 1, must be \{label, start, end\}"),
        ([{"label": "deep", "start": 0, "end": 1}], "label 'deep' is not in labelvocabulary.csv"),
        ([{"label": "low", "start": "0", "end": 1}], "number 1, its start must be a number, got '0'"),
        ([{"label": "low", "start": 0, "end": True}], "number 1, its end must be a number, got True"),
        ([{"label": "low", "start": 0, "end": 10**400}], "its end must be a number, got a whole number of about 401"),
        ([{"label": ["low"], "start": 0, "end": 1}], "number 1, its label must be text, got"),
        ([["low", 0, 1]], r"number 1, must be \{label, start, end\}, got \['low', 0, 1\]"),
        ("low", r"its events must be a list of \{label, start, end\}, got 'low'"),
        ([{"label": "low", "start": 2, "end": 1}], "must not end before it starts, got 2 to 1 ms"),
    ],
)
def test_broken_events_are_named(event_task, events, message):
    folder = event_task()
    (folder / "test.json").write_text(json.dumps({"test0.wav": events}))
    with pytest.raises(ValueError, match=message):
        Task.from_dir(folder)


@pytest.mark.parametrize("name", ["task_metadata.json", "train.json", "labelvocabulary.csv"])
def test_what_is_nested_or_long_without_end_is_named(scene_task, name):
    folder = scene_task()
    (folder / name).write_text("[" * 200_000)
    with pytest.raises(ValueError, match=f"{name}: .*not "):
        Task.from_dir(folder)


@pytest.mark.parametrize("end", ["Infinity", "NaN"])
def test_events_without_an_end_are_named(event_task, end):
    folder = event_task()
    (folder / "train.json").write_text(f'{{"train0.wav": [{{"label": "a", "start": 0, "end": {end}}}]}}')
    (folder / "labelvocabulary.csv").write_text("idx,label\n0,a\n")
    with pytest.raises(ValueError, match=r"train0.wav: its events, number 1, its end must be a number, got"):
        Task.from_dir(folder)


@pytest.mark.parametrize("name", ["task_metadata.json", "train.json", "labelvocabulary.csv"])
def test_a_byte_order_mark_is_no_part_of_a_file(scene_task, name):
    folder = scene_task()
    plain = Task.from_dir(folder)
    (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    assert Task.from_dir(folder) == plain
    (folder / name).write_bytes((folder / name).read_text(encoding="utf-8-sig").encode("utf-16"))
    with pytest.raises(ValueError, match=f"{name}: is in UTF-16, expected UTF-8"):
        Task.from_dir(folder)


def test_labels_are_read_as_they_are_written(scene_task):
    folder = scene_task()
    labels = ["a\u2028b", " padded", "1", 'with "quotes"', "a\nb", "x, y"]
    rows = "".join(f'{i},"{label.replace(chr(34), chr(34) * 2)}"\r\n' for i, label in enumerate(labels))
    (folder / "labelvocabulary.csv").write_bytes(f"idx,label\r\n{rows}".encode())
    for split in ("train", "valid", "test"):
        content = {f"{i}.wav": [1 if label == "1" else label] for i, label in enumerate(labels)}
        (folder / f"{split}.json").write_text(json.dumps(content))
    task = Task.from_dir(folder)
    assert task.labels == tuple(labels)
    assert task.items["train"]["2.wav"] == ("1",)


@pytest.mark.parametrize("values", [[True], ["250"], [float("nan")], [-1], 250, []])
def test_post_processing_is_of_numbers(event_task, values):
    folder = event_task()
    grid = {"median_filter_ms": values, "min_duration": [125]}
    rewrite(folder, evaluation_params={"event_postprocessing_grid": grid})
    with pytest.raises(ValueError, match="task_metadata.json: evaluation: event_postprocessing_grid.* must be a"):
        check_task(Task.from_dir(folder))
