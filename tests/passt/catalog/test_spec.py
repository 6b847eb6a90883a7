import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passt import EmbeddingSpec
from passt.catalog import checkpoints
from passt.catalog.poolings import OF_LEVELS, OF_TOKENS, SIDE_BY_SIDE
from passt.catalog.spec_text import MOST_MS, parse_fields

SPECS = st.builds(
    EmbeddingSpec,
    checkpoint=st.sampled_from(["passt_s_swa_p16_128_ap476", "cnn14", "Cnn14_mAP=0.431", "crepe_full"]),
    levels=st.lists(st.sampled_from(["logits", "features", "block3", "block3.patches", "b11"]), min_size=1, unique=True)
    .flatmap(lambda levels: st.sampled_from([levels, [*levels, "mel"]]))
    .map(tuple),
    windows_ms=st.lists(st.integers(1, 30000), unique=True, max_size=3).map(tuple),
    scene_window_ms=st.none() | st.integers(1, 30000),
    timestamp_hop_ms=st.integers(1, 1000),
    weights=st.sampled_from(["published", "demo", "none", "untrained-0", "untrained-17", "sha256-0123456789ab"]),
)


POOLED = st.one_of(
    st.builds(
        EmbeddingSpec,
        checkpoint=st.just("passt_demo"),
        levels=st.lists(st.sampled_from(["logits", "block1", "block2", "mean"]), min_size=2, unique=True).map(tuple),
        windows_ms=st.sampled_from([(), (160,)]),
        pooling=st.sampled_from(OF_LEVELS),
    ),
    st.builds(
        EmbeddingSpec,
        checkpoint=st.just("passt_demo"),
        levels=st.sampled_from([("block6.tokens",), ("mean.tokens",)]),
        windows_ms=st.sampled_from([(), (160,)]),
        pooling=st.sampled_from([SIDE_BY_SIDE, *OF_TOKENS]),
    ),
)


AHEAD = st.lists(st.integers(151, 10000), min_size=1, max_size=3, unique=True).flatmap(
    lambda windows: st.builds(
        EmbeddingSpec,
        checkpoint=st.just("passt_demo"),
        windows_ms=st.just(tuple(windows)),
        timestamp_hop_ms=st.integers(1, 1000),
        weights=st.sampled_from(["demo", "untrained-3"]),
        lookahead_ms=st.none() | st.integers(0, min(windows)),
    )
)


@given(SPECS | POOLED | AHEAD)
def test_the_text_form_is_parsed_back_to_an_equal_spec(spec):
    assert EmbeddingSpec.parse(str(spec)) == spec


def test_text_form():
    text = "passt_s_swa_p16_128_ap476@logits+features@w160@smax@t50@published"
    assert str(EmbeddingSpec()) == text
    assert str(EmbeddingSpec("crepe_full", ("layer5",), ())) == "crepe_full@layer5@wown@smax@t50@published"


def test_the_pooling_stands_behind_the_levels():
    spec = EmbeddingSpec("passt_demo", ("block1", "block2"), pooling="weighted")
    assert str(spec) == "passt_demo@block1+block2@weighted@w160@smax@t50@published"
    assert "concatenated" not in str(EmbeddingSpec())
    assert EmbeddingSpec.parse(f"{EmbeddingSpec()}@concatenated") == EmbeddingSpec()
    assert parse_fields("a@weighted@w160") == {"checkpoint": "a", "pooling": "weighted", "windows_ms": (160,)}


def test_the_look_ahead_stands_behind_the_timestamp_hop():
    spec = EmbeddingSpec("passt_demo", ("block6",), (320,), weights="demo", lookahead_ms=0)
    assert str(spec) == "passt_demo@block6@w320@smax@t50@ahead0@demo"
    assert parse_fields("passt_demo@ahead80@w320") == {
        "checkpoint": "passt_demo",
        "lookahead_ms": 80,
        "windows_ms": (320,),
    }
    assert "ahead" not in str(EmbeddingSpec())
    assert parse_fields("2level@ahead40") == {**parse_fields("2level"), "lookahead_ms": 40}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lookahead_ms": -1}, "lookahead_ms must be whole milliseconds from 0, or None for centered windows, got -1"),
        (
            {"lookahead_ms": False},
            "lookahead_ms must be whole milliseconds from 0, or None for centered windows, got F",
        ),
        (
            {"lookahead_ms": 0.5},
            "lookahead_ms must be whole milliseconds from 0, or None for centered windows, got 0.5",
        ),
        (
            {"lookahead_ms": "80"},
            "lookahead_ms must be whole milliseconds from 0, or None for centered windows, got '8",
        ),
        ({"lookahead_ms": 161}, "lookahead_ms must be at most the shortest window, 160 ms, got 161"),
        ({"lookahead_ms": 161, "windows_ms": (640, 160)}, "must be at most the shortest window, 160 ms, got 161"),
        (
            {"lookahead_ms": 10**6000},
            "must be at most the shortest window, 160 ms, got a number of thousands of digits",
        ),
        (
            {"lookahead_ms": 0, "windows_ms": ()},
            "lookahead_ms must be None where a spec names no windows (wown), got 0",
        ),
        (
            {"lookahead_ms": 0, "levels": ("features", "mel")},
            "lookahead_ms must be None with the level mel, whose excerpt is always centered, got 0",
        ),
    ],
)
def test_a_look_ahead_is_a_part_of_every_window(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        EmbeddingSpec(**fields)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("window", "lookahead"), [(160, 0), (160, 160), (151, 151), (10000, 9999)])
def test_a_look_ahead_is_from_nothing_to_the_whole_window(window, lookahead):
    spec = checkpoints.spec_of(f"passt_demo@w{window}@ahead{lookahead}")
    assert (spec.windows_ms, spec.lookahead_ms) == ((window,), lookahead)
    assert spec != checkpoints.spec_of(f"passt_demo@w{window}")


def test_mean_is_a_pooling_behind_levels_alone():
    assert parse_fields("logmel@mean") == {"checkpoint": "logmel", "levels": ("mean",)}
    assert parse_fields("a@block6.tokens@mean") == {"checkpoint": "a", "levels": ("block6.tokens",), "pooling": "mean"}
    for levels in (("mean",), ("mean", "std"), ("std", "mean")):
        spec = EmbeddingSpec("logmel", levels)
        assert EmbeddingSpec.parse(str(spec)) == spec


@given(st.lists(SPECS, max_size=5))
def test_specs_sort_by_text(specs):
    assert [str(spec) for spec in sorted(specs)] == sorted(map(str, specs))


def test_parts_may_be_left_out():
    assert parse_fields("stfthop160@w160+640") == {"checkpoint": "stfthop160", "windows_ms": (160, 640)}
    assert parse_fields("logmel") == {"checkpoint": "logmel"}


OF_SEVERAL = "levels must be two levels or more for pooling weighted, none of them mel or of tokens"
OF_ONE = "levels must be one level that keeps its tokens, such as block6.tokens, for pooling meanmax"
NOT_WEIGHTED = [("block1",), ("block1", "mel"), ("block1", "block2.tokens")]
NOT_OF_TOKENS = [("block6",), ("block6.tokens", "block7.tokens"), ("block6.tokens", "features")]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": ()}, "levels must be at least one level, got ()"),
        ({"levels": "features"}, "levels must be a list, got 'features'"),
        ({"levels": ("mel", "features")}, "mel at the end only"),
        ({"levels": ("features", "features")}, "distinct levels"),
        ({"windows_ms": (160, -1)}, "positive whole milliseconds"),
        ({"windows_ms": (160.5,)}, "positive whole milliseconds"),
        ({"scene_window_ms": 0}, "scene_window_ms must be positive ms, got 0"),
        ({"timestamp_hop_ms": True}, "timestamp_hop_ms must be a positive number"),
        ({"weights": "random"}, "weights must be published, demo, none, untrained-SEED"),
        ({"weights": "untrained-00"}, "weights must be published"),
        ({"weights": "untrained-99999999999999999999"}, "weights must be published"),
        ({"levels": ("ahead80",)}, "levels must be names that no other part of a spec can have"),
        ({"levels": ("t50",)}, "levels must be names that no other part of a spec can have"),
        ({"levels": ("published",)}, "names that no other part of a spec can have"),
        ({"checkpoint": "a b"}, "checkpoint must be a name, got 'a b'"),
        ({"levels": ("weighted",)}, "names that no other part of a spec can have"),
        ({"pooling": "max"}, "pooling must be one of concatenated, weighted, weighted_normalized, mean, meanmax, att"),
        ({"pooling": ["mean"]}, "pooling must be one of concatenated, weighted,"),
        ({"pooling": True}, "pooling must be one of concatenated, weighted,"),
        *(({"levels": levels, "pooling": "weighted"}, f"{OF_SEVERAL}, got {levels}") for levels in NOT_WEIGHTED),
        *(({"levels": levels, "pooling": "meanmax"}, f"{OF_ONE}, got {levels}") for levels in NOT_OF_TOKENS),
        (
            {"levels": ("block1", "block2"), "pooling": "weighted_normalized", "windows_ms": (160, 640)},
            "windows_ms must be at most one window for pooling weighted_normalized, got (160, 640)",
        ),
        (
            {"levels": ("block6.tokens",), "pooling": "attention", "windows_ms": (160, 640)},
            "windows_ms must be at most one window for pooling attention, got (160, 640)",
        ),
    ],
)
def test_broken_syntax_is_named(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EmbeddingSpec(**fields)


@pytest.mark.parametrize(
    "value",
    [-1, 0, True, 0.5, float("nan"), float("inf"), MOST_MS + 1, 10**15, "1", None, pytest.param(10**6000, id="long")],
)
@pytest.mark.parametrize("field", ["windows_ms", "scene_window_ms", "timestamp_hop_ms"])
def test_milliseconds_are_whole_and_at_most_ten_minutes(field, value):
    if (field, value) in [("scene_window_ms", None)] or (field == "timestamp_hop_ms" and value == 0):
        return  # the maximum, and its own
    with pytest.raises(ValueError, match=f"{field} must be (a positive|positive|at most {MOST_MS} ms)") as error:
        EmbeddingSpec(**{field: (value,) if field == "windows_ms" else value})
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", ["w{}", "s{}", "t{}", "w160+{}"])
@pytest.mark.parametrize("digits", [7, 18, 19, 6000])
def test_texts_with_too_many_milliseconds_are_named(part, digits):
    with pytest.raises(ValueError, match="must be at most 600000 ms, got "):
        EmbeddingSpec.parse(f"a@{part.format('9' * digits)}")


@pytest.mark.parametrize(
    ("digits", "message"), [(7, "the shortest window, 160 ms, got 9999999"), (19, "600000 ms, got ")]
)
def test_texts_with_too_long_a_look_ahead_are_named(digits, message):
    with pytest.raises(ValueError, match=f"lookahead_ms must be at most {message}"):
        EmbeddingSpec.parse(f"a@ahead{'9' * digits}")


@pytest.mark.parametrize(
    "text",
    ["a@ahead-1", "a@ahead0.5", "a@ahead0@ahead80", "a@features@block1", "a@w160@w640", "a@W160", "a@"],
)
def test_broken_text_is_named(text):
    with pytest.raises(ValueError, match="spec"):
        EmbeddingSpec.parse(text)


def test_taps():
    spec = EmbeddingSpec(levels=("features", "block3", "mel"), windows_ms=(160, 640), scene_window_ms=1000)
    assert spec.scene_taps() == [("features", 1000), ("block3", 1000)]
    timestamp = [("features", 160), ("block3", 160), ("features", 640), ("block3", 640), ("mel", None)]
    assert spec.timestamp_taps() == timestamp
    assert EmbeddingSpec(levels=("mel",)).scene_taps() == []
    assert EmbeddingSpec("crepe_tiny", ("layer5",), ()).timestamp_taps() == [("layer5", None)]


def test_the_table_of_checkpoints():
    table = checkpoints.table()
    assert len(table) == 16
    assert checkpoints.get("stfthop160") is table["passt_s_swa_f128_stfthop160_p16_s10_ap473"]
    grids = {row.hop: row.grid for row in table.values() if row.tstride == 10 and row.max_window_s == 10}
    assert grids == {320: (12, 99), 160: (12, 200), 100: (12, 320)}
    # patches for 10 s (Koutini et al. 2022, Table 2)
    columns = {row.hop: row.columns(320000) for row in table.values() if row.tstride == 10 and row.max_window_s == 10}
    assert columns == {320: 99, 160: 199, 100: 319}
    for row in table.values():
        assert row.columns(row.min_samples) == 1
        assert row.columns(row.max_window_s * 32000) <= row.grid[1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": ["block13"]}, "unknown level 'block13' .did you mean 'block"),
        ({"levels": ["block13"]}, "`ablate models passt_s_swa_p16_128_ap476` lists all 28"),
        ({"windows_ms": [100]}, "windows_ms must be 151 to 10000 ms, got 100 ms"),
        ({"windows_ms": [10001]}, "windows_ms must be 151 to 10000 ms, got 10001 ms"),
        ({"windows_ms": []}, "windows_ms must name at least one window"),
        ({"scene_window_ms": 20000}, "scene_window_ms must be 151 to 10000 ms, got 20000 ms"),
        ({"weights": "none"}, "weights must be published or untrained-SEED or a file, got 'none'"),
        ({"lookahead_ms": 161}, "passt_s_swa_p16_128_ap476: lookahead_ms must be at most the shortest window, 160 ms"),
        ({"lookahead_ms": True}, "passt_s_swa_p16_128_ap476: lookahead_ms must be whole milliseconds from 0"),
        (
            {"level": ["features"]},
            r"unknown key 'level' \(did you mean 'levels'\?\); expected one of checkpoint, levels",
        ),
        ({"levels": []}, "passt_s_swa_p16_128_ap476: levels must be at least one level"),
    ],
)
def test_a_card_refuses_what_its_checkpoint_does_not_have(fields, message):
    with pytest.raises(ValueError, match=message):
        checkpoints.get("passt_s_swa_p16_128_ap476").card.spec(**fields)


def test_a_card_makes_a_spec_canonical():
    card = checkpoints.get("stfthop160").card
    spec = card.spec(scene_window_ms=10000)
    assert spec == EmbeddingSpec(checkpoint="passt_s_swa_f128_stfthop160_p16_s10_ap473")
    assert card.resolve(EmbeddingSpec("stfthop160")).checkpoint == card.name


def test_an_unknown_checkpoint_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown checkpoint 'stfthop161' \(did you mean .*`ablate models` lists all"):
        checkpoints.get("stfthop161")
