"""Weights of an earlier training to start with: taken whole, outputs by the names of their labels."""

import dataclasses
import json

import pytest
import safetensors.torch
import torch

from ablations.training.students import student_of
from passt.training.declared.recipe import Recipe
from passt.training.start import from_file
from passt.training.student import passt_student

LABELS = ("wind", "rain", "dog")
HEADS = ("head",)
INITIAL = {
    "body": torch.zeros(2, 4),
    "count": torch.tensor(0),
    "hidden.weight": torch.zeros(3, 4),  # as wide as there are labels
    "head.weight": torch.zeros(3, 4),
    "head.bias": torch.zeros(3),
}


@pytest.fixture
def saved(tmp_path):
    """A function that saves tensors with labels, in a training's way."""

    def save(labels=None, **changed):
        path = tmp_path / "weights.safetensors"
        outputs = len(labels or LABELS)
        state = {
            "body": torch.arange(8.0).reshape(2, 4).half(),
            "count": torch.tensor(7),
            "hidden.weight": torch.arange(12.0).reshape(3, 4).half(),
            "head.weight": torch.arange(1.0, 4 * outputs + 1).reshape(outputs, 4).half(),
            "head.bias": torch.arange(1.0, outputs + 1).half(),
        }
        notes = {"training": json.dumps({"labels": labels})} if labels else None
        safetensors.torch.save_file(
            {name: value for name, value in (state | changed).items() if len(value.shape) < 5}, path, notes
        )
        return path

    return save


def test_outputs_are_taken_by_the_names_of_their_labels(saved):
    found = from_file(saved(["dog", "cat", "wind", "bell"]), INITIAL, LABELS, HEADS)
    assert {name: value.dtype for name, value in found.items()} == {
        name: value.dtype for name, value in INITIAL.items()
    }
    assert found["body"].flatten().tolist() == list(range(8))
    assert int(found["count"]) == 7
    assert found["head.bias"].tolist() == [3, 0, 1]
    assert found["head.weight"][:, 0].tolist() == [9, 0, 1]


@pytest.mark.parametrize("labels", [["dog", "wind", "rain"], ["dog", "cat", "wind", "bell"], list(LABELS)])
def test_rows_of_a_hidden_layer_stay_in_their_order(saved, labels):
    found = from_file(saved(labels), INITIAL, LABELS, HEADS)
    assert found["hidden.weight"].flatten().tolist() == list(range(12))


def test_the_heads_of_the_networks_are_layers_of_theirs():
    recipe = Recipe.from_dict({"name": "r", "steps": 1, "batch": 1, "lr": 1, "architecture": {"width": 32, "heads": 4}})
    for student in (passt_student(recipe, 5), student_of(dataclasses.replace(recipe, network="mn01"), 5)):
        layers = [student.net.get_submodule(name) for name in student.heads]
        assert [layer.out_features for layer in layers] == [5] * len(layers) != []


def test_a_label_that_a_file_names_twice_is_refused(saved):
    with pytest.raises(ValueError, match=r"weights.safetensors: its labels must be distinct, got 'dog' twice"):
        from_file(saved(["dog", "wind", "dog"]), INITIAL, LABELS, HEADS)


def test_a_network_that_names_no_head_takes_no_other_labels(saved):
    assert from_file(saved(list(LABELS)), INITIAL, LABELS, ())["head.bias"].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="has other labels, and the network names no head"):
        from_file(saved(["dog", "wind", "rain"]), INITIAL, LABELS, ())


def test_a_state_dict_of_a_wrapper_is_taken_and_an_absent_head_stays_initial(tmp_path):
    state = {f"module.{name}": value + 5 for name, value in INITIAL.items() if not name.startswith("head")}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "wrapped.pt")
    found = from_file(tmp_path / "wrapped.pt", INITIAL, LABELS, HEADS)
    assert (found["body"] == 5).all()
    assert not found["head.bias"].any()


def test_the_same_labels_in_another_order_are_the_same_labels(saved):
    assert from_file(saved(["dog", "wind", "rain"]), INITIAL, LABELS, HEADS)["head.bias"].tolist() == [2, 3, 1]
    assert from_file(saved(["dog", "cat"]), INITIAL, LABELS, HEADS)["head.bias"].tolist() == [0, 0, 1]
    assert from_file(saved(["cat", "cow", "hen"]), INITIAL, LABELS, HEADS)["head.bias"].tolist() == [0, 0, 0]


def test_of_a_file_that_names_no_labels_outputs_are_taken_where_their_number_fits(saved):
    assert from_file(saved(), INITIAL, LABELS, HEADS)["head.bias"].tolist() == [1, 2, 3]
    path = saved(**{"head.weight": torch.ones(5, 4), "head.bias": torch.ones(5)})
    found = from_file(path, INITIAL, LABELS, HEADS)
    assert not found["head.weight"].any()
    assert not found["head.bias"].any()
    assert found["body"].any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"body": torch.ones(2, 5)}, r"body must be \(2, 4\), got \(2, 5\)"),
        ({"head.weight": torch.ones(3, 5)}, r"head.weight must be \(3, 4\), got \(3, 5\)"),
        ({"body": torch.ones(1, 1, 1, 1, 1)}, r"has no tensor body, whose shape is \(2, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(saved, changed, message):
    with pytest.raises(ValueError, match=message) as error:
        from_file(saved(list(LABELS), **changed), INITIAL, LABELS, HEADS)
    assert "weights.safetensors" in str(error.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        from_file(tmp_path / "nothing.safetensors", INITIAL, LABELS, HEADS)
