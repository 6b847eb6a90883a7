"""Lists in the dialects that people's tools write: the task can be read back, or there is one line of error."""

import csv
import io
import os

import pytest

from ablations.training.clips import LabeledFiles
from downstream.tasks.task import Task
from tests.ablations.tasks.listed import invoke, kinds, report, sound
from tests.conftest import write_clip

NAMES = [f"{i:02}.wav" for i in range(12)]


@pytest.fixture
def clips(tmp_path):
    for i, name in enumerate(NAMES):
        write_clip(tmp_path / name, sound(i))
        write_clip(tmp_path / "sub" / name, sound(i))
    return tmp_path


def write(folder, rows, header=("file", "label")):
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    (folder / "list.csv").write_bytes(text.getvalue().encode())
    return folder / "list.csv"


LABELS = [
    ("01", "1", "10"),
    ("NA", "None", "nan"),
    ("true", "False", "null"),
    ("hi, tone", "lo, tone"),
    ('hi 12" vinyl', '"', "'"),
    ("hi|tone", "lo|<b>"),
    ("hi🐕 大", "lo👩‍🔬"),
    ("dog\u00a0x", "dog x"),
    ("caf\u00e9", "cafe\u0301"),
    ("a\nb", "a\rb", "a b"),
    ("a\u2028b", "a\x85b", "a\x0bb", "a\x1cb"),
    ("\x1b[31mred", "\u202ederuf", "\ufeffmark"),
    ("[x", "*y", "=1+1", "-2", "#z"),
    ("\u00a0x", "y "),
]


@pytest.mark.parametrize("labels", LABELS)
def test_every_label_makes_the_round_trip(clips, labels):
    path = write(clips, [(name, labels[i % len(labels)]) for i, name in enumerate(NAMES)])
    done = invoke("prepare", path, "--out", clips / "tones-v1", "--folds", 3)
    assert done.exit_code == 0, done.output
    task = Task.from_dir(clips / "tones-v1")
    assert set(task.labels) == {label.strip() for label in labels}
    given = {name: (labels[i % len(labels)].strip(),) for i, name in enumerate(NAMES)}
    assert {file: found for split in task.splits for file, found in task.items[split].items()} == given
    assert "\x1b" not in done.output + (task.folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (("dog", "Dog", "cat"), "labels 'Dog' and 'dog' are taken for different ones"),
        (("01", "1", "2"), "labels '01' and '1' are taken"),
        (("caf\u00e9", "cafe\u0301"), "are taken for different ones"),
        (("dog\u00a0x", "dog x"), "are taken for different ones"),
    ],
)
def test_labels_that_look_alike_are_found(clips, labels, text):
    path = write(clips, [(name, labels[i % len(labels)]) for i, name in enumerate(NAMES)])
    assert invoke("prepare", path, "--out", clips / "tones-v1", "--folds", 3).exit_code == 0
    assert any(f["kind"] == "alike" and text in f["text"] for f in report(clips)["findings"])


def test_groups_that_look_alike_are_found(clips):
    rows = [(name, "ab"[i % 2], ("Ann", "ann", "Bob", "Cy")[i // 3]) for i, name in enumerate(NAMES)]
    path = write(clips, rows, ("file", "label", "Group"))
    assert invoke("prepare", path, "--out", clips / "tones-v1", "--folds", 3, "--group", "group").exit_code == 0
    found = [f["text"] for f in report(clips)["findings"] if f["kind"] == "alike"]
    assert found == ["groups 'Ann' and 'ann' are taken for different ones"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sub\\00.wav", "line 2: sub\\00.wav: no such file in {} (did you mean sub/00.wav?)"),
        ("00.WAV", "line 2: 00.WAV: no such file in {} (did you mean 00.wav?)"),
        ("00", "line 2: 00: no such file in {} (did you mean 00.wav?)"),
        ("~nosuchuser/a.wav", "no such file in {}/~nosuchuser"),
        ("x" * 300, "File name too long"),
    ],
)
def test_an_absent_file_is_named_with_the_one_that_may_be_meant(clips, name, message):
    path = write(clips, [(name, "a"), *((name, "ab"[i % 2]) for i, name in enumerate(NAMES[1:]))])
    done = invoke("prepare", path, "--out", clips / "tones-v1", "--folds", 3)
    assert done.exit_code == 1
    assert message.format(clips) in done.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("there", "listed"), [("caf\u00e9.wav", "cafe\u0301.wav"), ("cafe\u0301.wav", "caf\u00e9.wav")]
)
def test_accents_in_the_name_of_a_file_may_have_either_form(clips, there, listed):
    (clips / NAMES[0]).rename(clips / there)
    path = write(clips, [(name, "ab"[i % 2]) for i, name in enumerate([listed, *NAMES[1:]])])
    done = invoke("prepare", path, "--out", clips / "tones-v1", "--folds", 3)
    assert done.exit_code == 0, done.output
    task = Task.from_dir(clips / "tones-v1")
    assert listed in {file for items in task.items.values() for file in items}


@pytest.mark.parametrize(
    ("folds", "expected"),
    [
        (("1.0", "2.0", "10.0"), ["1.0", "2.0", "10.0"]),
        (("1", "01", "2", "3"), "line 3: fold must have one name for a fold, got '01' and, in line 2, '1'"),
        (("1", "1.0", "2", "3"), "got '1.0' and, in line 2, '1'"),
        (("Ann", "ann", "Bob", "Cy"), "got 'ann' and, in line 2, 'Ann'"),
    ],
)
def test_folds_have_one_name_each(clips, folds, expected):
    rows = [(name, "ab"[(i // len(folds)) % 2], folds[i % len(folds)]) for i, name in enumerate(NAMES)]
    done = invoke("prepare", write(clips, rows, ("file", "label", "fold")), "--out", clips / "tones-v1")
    if isinstance(expected, str):
        assert expected in done.output.splitlines()[-1]
    else:
        assert report(clips)["facts"]["folds"] == ", ".join(f"fold{i:02} = {f}" for i, f in enumerate(expected))


def test_a_folder_whose_name_is_no_utf8_does_not_end_in_a_traceback(clips):
    folder = clips / os.fsdecode(b"caf\xe9")
    (clips / "sub").rename(folder)
    path = write(clips, [(name, "ab"[i % 2]) for i, name in enumerate(NAMES)])
    moved = path.rename(folder / "list.csv")
    done = invoke("prepare", moved, "--out", clips / "tones-v1", "--folds", 3)
    assert done.exit_code == 0, done.output
    done = invoke("prepare", moved, "--out", folder / "x\udcff-v1", "--folds", 3)
    assert "the name of a task folder must be in UTF-8" in done.output.splitlines()[-1]
    done = invoke("prepare", moved, "--out", clips / "t-v1", "--audio", folder / "no")
    assert "caf\\udce9" in done.output.splitlines()[-1]


def test_a_list_for_training_names_a_file_once(tmp_path):
    (tmp_path / "a.csv").write_text("File,Labels\n a.wav ,x\nb.wav,y\na.wav,y\n")
    with pytest.raises(ValueError, match=r"a.csv: line 4: a.wav is there already, in line 2"):
        LabeledFiles.load(tmp_path / "a.csv")


def test_events_that_are_never_trained_on_are_found_and_counted_as_written(clips):
    def rows():
        for i, name in enumerate(NAMES):
            yield name, 0.1, 0.3, "ab"[i % 2], ("train", "valid", "test")[i % 3]
        yield NAMES[0], 0.1, 0.3, "a", "train"  # given twice
        yield NAMES[0], 0.21, 0.21, "a", "train"  # without length
        yield NAMES[0], 0.26, 0.29, "b", "train"  # shorter than a step, between two
        yield NAMES[0], 0.26, 0.31, "b", "train"  # over a timestamp
        yield NAMES[1], 0.45, 0.46, "c", "valid"  # behind its clip of 0.4 s

    path = write(clips, list(rows()), ("file", "start", "end", "label", "split"))
    done = invoke("prepare", path, "--out", clips / "tones-v1")
    assert done.exit_code == 0, done.output
    found = [(f["kind"], f["text"]) for f in report(clips)["findings"]]
    assert ("double_events", "line 2: 00.wav: a from 100 to 300 ms is there already") in found
    assert ("unlabeled_events", "line 2: 00.wav: a from 210 to 210 ms") in found
    assert ("unlabeled_events", "line 2: 00.wav: b from 260 to 290 ms") in found
    assert ("lost_events", "line 3: 01.wav: c from 450 to 460 ms, but the clip ends at 400 ms") in found
    assert [kind for kind, _ in found].count("unlabeled_events") == 2
    assert "everywhere" not in kinds(clips)  # a label of all files says nothing about when
    task = Task.from_dir(clips / "tones-v1")
    written = {row["split"]: row["events"] for row in report(clips)["splits"]}
    assert written == {split: sum(map(len, task.items[split].values())) for split in task.splits}
    assert written["train"] == 7
    assert task.labels == ("a", "b") == tuple(row["label"] for row in report(clips)["labels"])


def test_splits_where_scores_are_not_defined_are_found(clips):
    splits = ("train", "valid", "test")
    rows = [(name, {0: "x", 1: "x,y", 2: ""}[i % 3] if i % 2 else "x", splits[i % 3]) for i, name in enumerate(NAMES)]
    rows = [(name, "" if split == "test" else labels, split) for name, labels, split in rows]
    path = write(clips, rows, ("file", "labels", "split"))
    assert invoke("prepare", path, "--out", clips / "tones-v1").exit_code == 0
    found = [(f["kind"], f["text"]) for f in report(clips)["findings"]]
    assert ("no_labels", "no file of test has a label") in found
    assert ("everywhere", "label 'x' is on every file of train, valid") in found


def test_what_no_probe_can_be_trained_on_is_refused(clips):
    path = write(clips, zip(NAMES[:3], "aba", ("train", "valid", "test"), strict=True), ("file", "label", "split"))
    done = invoke("prepare", path, "--out", clips / "tones-v1")
    assert "list.csv: at least 2 files must be trained on, got 1" in done.output.splitlines()[-1]


def test_the_report_counts_what_was_written(clips):
    write_clip(clips / NAMES[0], 0 * sound(0))
    path = write(clips, [(name, "ab"[i % 2]) for i, name in enumerate(NAMES)])
    assert invoke("prepare", path, "--out", clips / "tones-v1", "--folds", 3, "--drop", "silent").exit_code == 0
    assert report(clips)["facts"]["files"] == "11, and 1 left out"
    assert sum(row["files"] for row in report(clips)["splits"]) == 11
    assert "silent" in kinds(clips)
