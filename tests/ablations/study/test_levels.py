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


BLOCKS = tuple(f"block{number}" for number in range(1, 13))


def specs_of(levels, **fields):
    study = {"name": "x", "models": [{"checkpoint": "passt_demo", "levels": levels, **fields}], "tasks": ["esc50"]}
    return [(model.spec.levels, model.spec.pooling) for model in Study.from_dict(study).models]


@pytest.mark.parametrize("levels", ["block1..block12", ["block1..block12"], ["block1", "block2..block12"], [*BLOCKS]])
@pytest.mark.parametrize("pooling", ["weighted", "weighted_normalized", "concatenated"])
def test_levels_that_are_pooled_are_one_variant(pooling, levels):
    assert specs_of({pooling: levels}) == specs_of([{pooling: levels}]) == [(BLOCKS, pooling)]


def test_poolings_cross_beside_ordinary_levels():
    assert specs_of([["block6"], {"weighted": ["block1", "block2"]}, "block3..block4", {"concatenated": "block5"}]) == [
        (("block6",), "concatenated"),
        (("block1", "block2"), "weighted"),
        (("block3",), "concatenated"),
        (("block4",), "concatenated"),
        (("block5",), "concatenated"),
    ]


def test_the_pooling_is_a_field_that_is_crossed():
    crossed = specs_of([["block1", "block2"], ["block3", "block4"]], pooling=["weighted", "concatenated"])
    assert [pooling for _, pooling in crossed] == ["weighted", "concatenated"] * 2
    assert [levels for levels, _ in crossed] == [("block1", "block2")] * 2 + [("block3", "block4")] * 2


def test_labels_of_pooled_levels_are_short_and_unique():
    entry = {
        "checkpoint": "passt_demo",
        "levels": [["block1"], *({pooling: "block1..block12"} for pooling in ("weighted", "weighted_normalized"))],
    }
    study = Study.from_dict({"name": "x", "models": [entry], "tasks": ["esc50"]})
    assert [model.label for model in study.models] == [
        "passt_demo block1",
        "passt_demo weighted(block1..block12)",
        "passt_demo weighted_normalized(block1..block12)",
    ]


@pytest.mark.parametrize(
    ("levels", "fields", "message"),
    [
        ({"weigthed": ["block1", "block2"]}, {}, "levels: unknown pooling 'weigthed' (did you mean 'weighted'?)"),
        ({1: ["block1"]}, {}, "levels: unknown pooling 1; expected one of concatenated, weighted"),
        ({}, {}, "levels must be a list, or a mapping of one pooling to levels; got {}"),
        ({"weighted": "*", "mean": "*"}, {}, "levels must be a list, or a mapping of one pooling to levels; got"),
        ({"weighted": ["block1"]}, {}, "levels must be two levels or more for pooling weighted, none of them mel or"),
        ({"weighted": []}, {}, "passt_demo: levels must be at least one level, got ()"),
        ({"weighted": [["block1"], ["block2"]]}, {}, "levels must be names such as features, block6"),
        ({"weighted": ["block1..block3", "block2"]}, {}, "levels must be distinct levels, got"),
        ({"weighted": "block1..block13"}, {}, "passt_demo: unknown level 'block13'"),
        ({"weighted": "block1..block3"}, {"pooling": "weighted"}, "pooling is given twice: 'weighted', and 'weighted'"),
        ({"attention": "block6"}, {}, "levels must be one level that keeps its tokens, such as block6.tokens"),
        ({"weighted": "block1..block3"}, {"windows_ms": [[160, 320]]}, "windows_ms must be at most one window for"),
        ("block1..block3", {"pooling": "weighted"}, "levels must be two levels or more for pooling weighted"),
        ([["block1"]], {"pooling": "max"}, "pooling must be one of concatenated, weighted"),
        ([["block1"]], {"pooling": []}, "pooling must be a value or a list of values, got []"),
        (["block1", {"weighted": ["block1", "block2"]}], {}, "levels must be a list of lists, got ['block1', {'weigh"),
    ],
)
def test_wrong_poolings_are_named(levels, fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        specs_of(levels, **fields)


def test_a_label_is_not_for_a_range():
    with pytest.raises(ValueError, match="label 'x' is for one variant, its model has 2"):
        levels_of("block1..block2", label="x")


def test_a_search_has_no_ranges(tmp_path):
    with pytest.raises(ValueError, match="levels must be written out in a search, got"):
        Space.of({"checkpoint": "passt_demo", "levels": [["block1..block3"]]}, "hear2021", tmp_path)
