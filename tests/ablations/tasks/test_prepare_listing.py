"""What lists say, and how what is wrong in them is told: list, line, value, expectation."""

import re

import pytest

from ablations.tasks.prepare.listing import read_listing
from downstream.tasks.task import Event


@pytest.fixture
def write(tmp_path):
    def write(*lines: str):
        path = tmp_path / "list.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def test_a_label_makes_multiclass_scenes_whose_folds_are_drawn(write):
    found = read_listing(write("file,label,recording,other", 'a.wav,"rain, wind",r1,x', "b.flac,sun,,y"))
    assert (found.embedding_type, found.prediction_type, found.split_mode) == ("scene", "multiclass", "new_split_kfold")
    assert [entry.labels for entry in found.entries] == [("rain, wind",), ("sun",)]
    assert [entry.group for entry in found.entries] == ["r1", None]
    assert [entry.line for entry in found.entries] == [2, 3]
    assert found.grouped


def test_labels_make_multilabel_scenes(write):
    found = read_listing(write("file,labels,split", 'a.wav,"rain, wind",train', "b.wav,,valid", "c.wav,sun,test"))
    assert (found.prediction_type, found.split_mode) == ("multilabel", "trainvaltest")
    assert [entry.labels for entry in found.entries] == [("rain", "wind"), (), ("sun",)]
    assert not found.grouped


def test_folds_are_named_in_the_order_of_numbers_or_of_names(write):
    found = read_listing(write("file,label,fold", "a,x,10", "b,x,9", "c,x,1"))
    assert found.fold_names == {"fold00": "1", "fold01": "9", "fold02": "10"}
    assert [entry.split for entry in found.entries] == ["fold02", "fold01", "fold00"]
    found = read_listing(write("file,label,fold", "a,x,theo", "b,x,jackson", "c,x,10"))
    assert list(found.fold_names.values()) == ["10", "jackson", "theo"]


def test_rows_of_a_file_are_its_events_in_ms(write):
    path = write("file,start,end,label,split", "a.wav,0.3,1,dog,train", "a.wav,0,0.7,cat,train", "b.wav,,,,test")
    found = read_listing(path)
    assert (found.embedding_type, found.prediction_type) == ("event", "multilabel")
    assert found.entries[0].events == (Event("dog", 300.0, 1000.0), Event("cat", 0.0, 700.0))
    assert found.entries[0].labels == ("dog", "cat")
    assert found.entries[1].events == ()
    assert read_listing(path, unit="ms").entries[0].events[0] == Event("dog", 0.3, 1.0)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label"], "list.csv: must name at least one file, got none"),
        (["name,label", "a,b"], "must have the columns file; file is absent"),
        (["file,text", "a,b"], "must have a column label, labels or target, got file, text"),
        (["file,label,labels", "a,b,c"], "must have one of the columns label and labels, got both"),
        (["file,label,split,fold", "a,b,c,1"], "must have one of the columns split and fold, got both"),
        (["file,start,label", "a,1,c"], "must have the columns start, end and label; end is absent"),
        (["file,label", "a,b", "", "a,c"], "line 4: a is there already, in line 2"),
        (["file,label", "a,"], "line 2: a: must have exactly one label, got 0"),
        (["file,labels", 'a,"x,x"'], "line 2: a: has a label twice: x, x"),
        (["file,label", ",b"], "line 2: file must not be empty"),
        (["file,label", "a"], "line 2 must have 2 values"),
        (["file,label,split", "a,x,train", "b,x,dev"], "line 3: split must be one of train, valid, test, got 'dev'"),
        (
            ["file,label,split", "a,x,train", "b,x,valid"],
            "split must be train and test at least, but no file is of test",
        ),
        (["file,label,fold", "a,x,1", "b,x,2"], "fold must have at least 3 values, got 1, 2"),
        (["file,start,end,label", "a,2,1,x"], "line 2: start, end and label must be numbers, 0 <= start <= end"),
        (["file,start,end,label", "a,0,nan,x"], "line 2: start, end and label must be numbers"),
        (["file,start,end,label", "a,0,1,"], "line 2: start, end and label must be numbers"),
        (
            ["file,start,end,label,split", "a,0,1,x,train", "a,2,3,x,test"],
            "split must be 'train' as in line 2, got 'test'",
        ),
    ],
)
def test_what_is_wrong_is_named(write, lines, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_listing(write(*lines))
