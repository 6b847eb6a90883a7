"""The look-ahead of windows, of models beside PaSST."""

import re

import pytest

from ablations.models import registry
from ablations.models.lookahead import lookahead_ms
from tests.lookahead import check_against_cutting_by_hand, check_that_the_future_is_not_seen


@pytest.mark.parametrize("model", ["crepe_tiny", "crepe_full@wown", "hear:some.module"])
def test_models_without_windows_have_no_look_ahead(model):
    name = model.partition("@")[0]
    with pytest.raises(
        ValueError, match=re.escape(f"{name}: lookahead_ms must be None, the model takes no windows; g")
    ):
        registry.resolve(f"{model}@ahead0")


@pytest.mark.parametrize("model", ["cnn_demo", "logmel", "cnn14", "mn04_as"])
def test_a_look_ahead_is_at_most_the_shortest_window(model):
    assert registry.resolve(f"{model}@w640+320@ahead320").lookahead_ms == 320
    expected = f"{model}: lookahead_ms must be at most the shortest window, 320 ms, got 321"
    with pytest.raises(ValueError, match=expected):
        registry.resolve(f"{model}@w640+320@ahead321")


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("cnn_demo@demo", ["block5", "block3.tokens"]),
        ("cnn14@untrained-0", ["block2", "block3.tokens"]),
        ("logmel", ["mean"]),
        ("melproj@untrained-0", ["projection"]),
    ],
)
def test_windows_of_other_models_are_those_cut_by_hand(model, levels):
    embedder = registry.build(registry.resolve(model), device="cpu")
    taps = [(level, 320) for level in levels]
    for ahead_ms in (0, 80, 320):
        check_against_cutting_by_hand(embedder, taps, ahead_ms, 2e-5, seconds=0.15)
    check_that_the_future_is_not_seen(embedder, taps, 0, seconds=0.6)


@pytest.mark.parametrize(
    ("model", "wait"),
    [
        ("passt_demo@w320", 160),
        ("passt_demo@w160+640", 320),
        ("passt_demo@w320@ahead40 ++ cnn_demo@w320", 160),
        ("cnn_demo@w320 ++ passt_demo@w640@ahead0", 160),
    ],
)
def test_models_wait_for_the_sound_behind_a_timestamp(model, wait):
    assert lookahead_ms(registry.resolve(model)) == wait
