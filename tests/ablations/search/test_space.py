"""Spaces: every point once, values that a study could have, errors in one line."""

import re

import pytest
from optuna.trial import FixedTrial

from ablations.search.declared import FOLDER, Search
from ablations.search.dimensions import dimension_of
from ablations.search.space import Space

BLOCKS = [
    {
        "checkpoint": ["passt_demo", "passt_demo_hop160"],
        "weights": "untrained-0",
        "levels": {"any_of": ["block1", "features", "mel"], "at_most": 2},
        "windows_ms": {"low": 160, "high": 640, "log": True, "points": 3},
        "protocol": ["hear2021", "hear2021+linear"],
    },
    {"checkpoint": "crepe_tiny", "levels": [["layer5"], ["layer6.mean", "logits"]], "timestamp_hop_ms": [50, 100]},
]


def space(found=BLOCKS) -> Space:
    return Space.of(found, "hear2021+grid1", FOLDER)


def test_every_point_is_there_once_and_has_a_name_of_its_own():
    found = space()
    variants = [found.variant(point) for point in found.points()]
    assert len(variants) == found.size == 2 * 6 * 3 * 2 + 2 * 2
    for said in (lambda v: v.key, lambda v: (str(v.model.spec), v.protocol), lambda v: v.model.label):
        assert len(set(map(said, variants))) == found.size
    assert {v.model.spec.windows_ms for v in variants} == {(160,), (320,), (640,), ()}
    assert {v.protocol for v in variants} == {"hear2021", "hear2021+linear", "hear2021+grid1"}
    assert "passt_demo features+mel 320 ms linear" in {v.model.label for v in variants}


def test_a_subset_does_not_depend_on_the_order_its_members_were_drawn_in():
    found = space(BLOCKS[0])
    point = {"checkpoint": "passt_demo", "levels: how many": 2, "windows_ms 1": 0, "protocol": "hear2021"}
    keys = [found.variant({**point, "levels 1": a, "levels 2": b}).key for a, b in ((0, 2), (2, 0))]
    assert keys[0] == keys[1]
    twice = found.variant({**point, "levels 1": 1, "levels 2": 1})
    assert twice.model.spec.levels == ("features",)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"low": 80, "high": 1280, "log": True, "points": 5}, [80, 160, 320, 640, 1280]),
        ({"low": 100, "high": 200, "points": 3}, [100, 150, 200]),
        ({"low": 1, "high": 3}, [1, 2, 3]),
    ],
)
def test_ranges(value, wanted):
    found = dimension_of("scene_window_ms", value, is_list=False)
    assert found.scale
    assert list(found.values) == wanted


def test_numbers_are_scales_and_other_values_are_not():
    drawn = []

    class Trial(FixedTrial):
        def suggest_int(self, name, *bounds, **rest):
            drawn.append(name)
            return super().suggest_int(name, *bounds, **rest)

    for key, value in (("timestamp_hop_ms", [50, 100]), ("scene_window_ms", [320, None]), ("weights", ["a", "b"])):
        dimension_of(key, value, is_list=False).draw(Trial({key: 0 if key[0] == "t" else str(value[0])}), key)
    assert drawn == ["timestamp_hop_ms"]


WRONG = [
    ({"checkpoints": "logmel"}, "unknown key 'checkpoints' in space (did you mean 'checkpoint'?)"),
    ({"levels": [["mean"]]}, "space needs 'checkpoint'"),
    ({"checkpoint": "logmel", "levels": ["mean", "std"]}, "levels must be a list of lists, or any_of: ['mean', 'std']"),
    (
        {"checkpoint": "logmel", "levels": {"any_off": []}},
        "unknown key 'any_off' in levels of space (did you mean 'any_of'?)",
    ),
    ({"checkpoint": "logmel", "levels": {"any_of": ["mean", "max"]}}, "logmel: unknown level 'max'"),
    ({"checkpoint": "logmel", "levels": {"low": 1, "high": 2}}, "levels must have any_of"),
    (
        {"checkpoint": "logmel", "levels": {"any_of": ["mean"], "at_most": 2}},
        "at_most must be a whole number from 1 to 1",
    ),
    (
        {"checkpoint": "logmel", "windows_ms": {"low": 10, "high": 640}},
        "logmel: windows_ms must be at least 20 ms, got 10",
    ),
    ({"checkpoint": "logmel", "windows_ms": {"low": 640, "high": 100}}, "must be whole numbers with 0 < low < high"),
    ({"checkpoint": "logmel", "windows_ms": {"low": 100, "high": 10**400}}, "with 0 < low < high <= 600000"),
    ({"checkpoint": "logmel", "scene_window_ms": [100, 10**15]}, "scene_window_ms must be at most 600000 ms"),
    ({"checkpoint": "logmel", "timestamp_hop_ms": [50, 50]}, "a list of distinct values, got [50, 50]"),
    ({"checkpoint": "logmel", "protocol": ["hear2021+grid20"]}, "unknown protocol 'hear2021+grid20'"),
    (BLOCKS[0] | {"levels": {"any_of": ["mel", "block1"], "at_most": 2}}, "levels must be mel at the end only"),
    ([BLOCKS[0], BLOCKS[0]], "space must be of distinct blocks, got"),
    ([], "space must be a mapping of keys or a list of such"),
]


@pytest.mark.parametrize(("found", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named(found, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        space(found)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 3}, "unknown key 'trails' in a search (did you mean 'trials'?)"),
        ({"objectives": ["gmacs_per_s"]}, "objectives must be [score] or [score, COST]"),
        ({"objectives": ["score", []]}, "objectives, number 2, must be text, got []"),
        ({"seeds": [0, 0, True]}, "seeds, number 3, must be a whole number"),
        ({"precision": []}, "precision must be one of"),
        ({"objectives": ["score", "speed"]}, "a cost of gmacs_per_s, width, parameters"),
        ({"objectives": ["score", "width"], "pruning": True}, "pruning is for one objective"),
        ({"sampler": "grid"}, "sampler must be one of tpe, nsga2, random, got 'grid'"),
        ({"trials": True}, "trials must be a whole number of at least 1, got True"),
        ({"sampler": ["tpe"]}, "sampler must be one of tpe, nsga2, random, got ['tpe']"),
        ({"sampler_seed": -1}, "sampler_seed must be a whole number of at least 0"),
        ({"objectives": [["score"]]}, "objectives, number 1, must be text, got ['score']"),
        ({"objectives": "score"}, "objectives must be [score] or [score, COST]"),
        ({"pruning": "yes"}, "pruning must be true or false, got 'yes'"),
        ({"protocol": {"a": 1}}, "protocol must be text, got {'a': 1}"),
        ({"seeds": [0, 0]}, "seeds must be distinct"),
        (
            {"space": {"checkpoint": "logmel", "timestamp_hop_ms": {"low": 1, "high": 9, "points": 10**12}}},
            "points a whole number from 2 to 1000",
        ),
        ({"trials": 0}, "trials must be a whole number of at least 1, got 0"),
        ({"precision": "fp8"}, "precision must be one of"),
        ({"tasks": []}, "a search needs 'tasks'"),
        ({"name": "a b"}, "name must be of letters"),
    ],
)
def test_a_search_that_is_wrong_is_named(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Search.from_dict({"name": "mine", "tasks": ["x"], "space": {"checkpoint": "logmel"}, **changes})


def test_packaged_searches():
    files = sorted(FOLDER.glob("*.yaml"))
    assert files
    for file in files:
        found = Search.load(file.stem)
        assert found.name == file.stem
        assert found.space.size > found.trials
    with pytest.raises(FileNotFoundError, match="no search 'nothing'; expected .*quick_search.*, or name a YAML file"):
        Search.load("nothing")


def test_poolings_are_choices(tmp_path):
    block = {
        "checkpoint": "passt_demo",
        "levels": [["block6"], {"weighted": ["block1..block3"]}, {"mean": "block6.tokens"}],
    }
    found = Space.of(block, "hear2021", tmp_path)
    variants = [found.variant(point) for point in found.points()]
    assert [(variant.model.spec.levels, variant.model.spec.pooling) for variant in variants] == [
        (("block6",), "concatenated"),
        (("block1", "block2", "block3"), "weighted"),
        (("block6.tokens",), "mean"),
    ]
    labels = ["passt_demo block6", "passt_demo weighted(block1..block3)", "passt_demo mean(block6.tokens)"]
    assert [variant.model.label for variant in variants] == labels
    alone = Space.of(block | {"levels": {"weighted": ["block1", "block2"]}}, "hear2021", tmp_path)
    assert alone.size == 1
    crossed = block | {"levels": [["block1", "block2"]], "pooling": ["weighted", "concatenated"]}
    assert Space.of(crossed, "hear2021", tmp_path).size == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": [["block1"], {"weighted": ["block1"]}]}, "levels must be two levels or more for pooling weighted"),
        ({"levels": [["block1"], {"weigthed": ["block1"]}]}, "levels must be a list of lists, or any_of"),
        ({"levels": [["block1"]], "pooling": ["weighted"]}, "levels must be two levels or more for pooling weighted"),
        ({"levels": [["block1"]], "pooling": ["max"]}, "pooling must be one of concatenated, weighted"),
    ],
)
def test_wrong_poolings_are_named(tmp_path, fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Space.of({"checkpoint": "passt_demo", **fields}, "hear2021", tmp_path)
