import re

import pytest

from ablations.models import registry
from ablations.search.space import Space
from ablations.study.study import Study


def levels_of(levels, checkpoint="passt_demo", **fields):
    study = {"name": "x", "models": [{"checkpoint": checkpoint, "levels": levels, **fields}], "tasks": ["esc50"]}
    return [model.spec.levels for model in Study.from_dict(study).models]


@pytest.mark.parametrize("levels", ["block1..block12", ["block1..block12"], [["block1..block12"]]])
def test_a_range_makes_a_variant_for_each_of_its_levels(levels):
    assert levels_of(levels) == [(f"block{number}",) for number in range(1, 13)]


def test_a_range_stands_beside_other_levels_and_variants():
    assert levels_of([["block2..block3", "mel"], ["features", "logits"]]) == [
        ("block2", "mel"),
        ("block3", "mel"),
        ("features", "logits"),
    ]


def test_a_range_keeps_what_is_around_its_number_and_leaves_gaps_out():
    assert levels_of("block1.patches..block2.patches") == [("block1.patches",), ("block2.patches",)]
    assert levels_of("se4..se12", "cnn_demo") == [("se4",), ("se5",), ("se6",), ("se11",), ("se12",)]


def test_a_star_is_every_level_but_what_stands_behind_others():
    for checkpoint in ("passt_demo", "cnn_demo", "logmel"):
        expected = [(level,) for level in registry.card(checkpoint).levels if level != "mel"]
        assert levels_of("*", checkpoint) == expected


def test_each_checkpoint_of_a_list_has_its_own_levels():
    assert levels_of("*", ["logmel", "melproj"]) == [("mean",), ("std",), ("projection",)]


@pytest.mark.parametrize(
    ("levels", "checkpoint", "message"),
    [
        ("block9..block3", "passt_demo", "the range of levels 'block9..block3' is empty; write block3..block9"),
        ("block1..block13", "passt_demo", "passt_demo: unknown level 'block13'"),
        ("block1..block999999999", "passt_demo", "passt_demo: unknown level 'block999999999'"),
        ("block1..features", "passt_demo", "the ends of a range of levels must differ by their number alone"),
        ("block1..block2.patches", "passt_demo", "the ends of a range of levels must differ by their number alone"),
        ("..", "passt_demo", "passt_demo: unknown level ''"),
        ([["block1..block2", "block3..block4"]], "passt_demo", "levels must have at most one range"),
        ("block1..block12", "logmel", "logmel: unknown level 'block1'"),
        ("block1..block12", "no_such", "unknown checkpoint 'no_such'"),
        ("block1..block12", "hear:module", "hear:module: unknown level 'block1'"),
    ],
)
def test_wrong_ranges_are_named(levels, checkpoint, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        levels_of(levels, checkpoint)


def test_a_label_is_not_for_a_range():
    with pytest.raises(ValueError, match="label 'x' is for one variant, its model has 2"):
        levels_of("block1..block2", label="x")


def test_a_search_has_no_ranges(tmp_path):
    with pytest.raises(ValueError, match="levels must be written out in a search, got"):
        Space.of({"checkpoint": "passt_demo", "levels": [["block1..block3"]]}, "hear2021", tmp_path)
