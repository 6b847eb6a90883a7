"""Weights of an earlier training to start with: taken whole, outputs by the names of their labels."""

import json

import pytest
import safetensors.torch
import torch

from passt.training.start import from_file

LABELS = ("wind", "rain", "dog")
INITIAL = {"body": torch.zeros(2, 4), "count": torch.tensor(0), "head": torch.zeros(3, 4), "bias": torch.zeros(3)}


@pytest.fixture
def saved(tmp_path):
    """A function that saves tensors with labels, in a training's way."""

    def save(labels=None, **changed):
        path = tmp_path / "weights.safetensors"
        outputs = len(labels or LABELS)
        state = {
            "body": torch.arange(8.0).reshape(2, 4).half(),
            "count": torch.tensor(7),
            "head": torch.arange(1.0, 4 * outputs + 1).reshape(outputs, 4).half(),
            "bias": torch.arange(1.0, outputs + 1).half(),
        }
        notes = {"training": json.dumps({"labels": labels})} if labels else None
        safetensors.torch.save_file(
            {name: value for name, value in (state | changed).items() if len(value.shape) < 5}, path, notes
        )
        return path

    return save


def test_outputs_are_taken_by_the_names_of_their_labels(saved):
    found = from_file(saved(["dog", "cat", "wind", "bell"]), INITIAL, LABELS)
    assert {name: value.dtype for name, value in found.items()} == {
        name: value.dtype for name, value in INITIAL.items()
    }
    assert found["body"].flatten().tolist() == list(range(8))
    assert int(found["count"]) == 7
    assert found["bias"].tolist() == [3, 0, 1]
    assert found["head"][:, 0].tolist() == [9, 0, 1]


def test_the_same_labels_in_another_order_are_the_same_labels(saved):
    assert from_file(saved(["dog", "wind", "rain"]), INITIAL, LABELS)["bias"].tolist() == [2, 3, 1]
    assert from_file(saved(["dog", "cat"]), INITIAL, LABELS)["bias"].tolist() == [0, 0, 1]
    assert from_file(saved(["cat", "cow", "hen"]), INITIAL, LABELS)["bias"].tolist() == [0, 0, 0]


def test_of_a_file_that_names_no_labels_outputs_are_taken_where_their_number_fits(saved):
    assert from_file(saved(), INITIAL, LABELS)["bias"].tolist() == [1, 2, 3]
    path = saved(head=torch.ones(5, 4), bias=torch.ones(5))
    found = from_file(path, INITIAL, LABELS)
    assert not found["head"].any()
    assert not found["bias"].any()
    assert found["body"].any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"body": torch.ones(2, 5)}, r"body must be \(2, 4\), got \(2, 5\)"),
        ({"head": torch.ones(3, 5)}, r"head must be \(3, 4\), got \(3, 5\)"),
        ({"body": torch.ones(1, 1, 1, 1, 1)}, r"has no tensor body, whose shape is \(2, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(saved, changed, message):
    with pytest.raises(ValueError, match=message) as error:
        from_file(saved(list(LABELS), **changed), INITIAL, LABELS)
    assert "weights.safetensors" in str(error.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        from_file(tmp_path / "nothing.safetensors", INITIAL, LABELS)
