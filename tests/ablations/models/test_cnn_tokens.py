"""Levels of CNNs that keep the maps of a layer as tokens."""

import pytest
import torch
from torch.nn import functional as F

from ablations.models import registry
from ablations.models.baselines import cnn14, crepe_net
from ablations.models.baselines.cnn14 import Cnn14Embedder
from ablations.models.baselines.mobilenet import MobileNetEmbedder
from ablations.study.levels import expanded
from tests.reference_values import clip, divided

TEXTS = ("cnn_demo", "cnn14@untrained-0")
TOLERANCE = 1e-5  # relative to the largest value


@pytest.fixture(scope="module")
def embedders():
    return {text: registry.build(registry.resolve(text), device="cpu") for text in TEXTS}


def maps_of(embedder, mel):
    """Level -> maps (rows, channels, frequency, time) of each layer of the network as it was loaded."""
    maps, net = {}, embedder.net
    if isinstance(embedder, MobileNetEmbedder):
        stem, *blocks, _ = net.features
        x = maps["block0"] = stem(mel[:, None])
        for number, block in enumerate(blocks, start=1):
            x, _ = block(x)
            maps[f"block{number}"] = x
        return maps
    x = net.bn0(mel[:, None].transpose(1, 2)).transpose(1, 2).transpose(2, 3)
    for number in range(1, 7):
        x = net.get_submodule(f"conv_block{number}")(x)
        x = F.avg_pool2d(x, 2) if number <= cnn14.POOLINGS else x
        maps[f"block{number}"] = x.transpose(2, 3)
    return maps


def tokens_of(maps):
    """(rows, channels, frequency, time) -> (rows, tokens * channels), frequency by frequency."""
    rows, columns = min(12, maps.shape[2]), min(8, maps.shape[3])
    return divided(divided(maps, rows, 2), columns, 3).permute(0, 2, 3, 1).flatten(1)


@torch.no_grad()
@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_the_maps_of_the_network(embedders, text):
    embedder = embedders[text]
    levels = registry.card(text.split("@")[0]).token_levels
    assert {level.partition(".")[0] for level in levels} == set(embedder.net.maps)
    clips = [clip(1.1, 1), clip(1.1, 2)]
    found = embedder.scene(clips, [(level, 1100) for level in levels])
    maps = maps_of(embedder, embedder.mel(torch.stack(clips)))
    for level in levels:
        wanted = tokens_of(maps[level.partition(".")[0]])
        assert wanted.shape[1] == embedder.dims[level] * embedder.tokens((level, 1100))
        assert (found[level, 1100] - wanted).abs().max() <= TOLERANCE * wanted.abs().max(), level


@pytest.mark.parametrize("text", TEXTS)
def test_a_timestamp_has_the_tokens_of_its_window(embedders, text):
    """The mean of all tokens of a layer is that layer's level."""
    embedder = embedders[text]
    number = len(embedder.net.maps) - 1
    level, mean = (f"block{number}.tokens", 320), (f"block{number}", 320)
    for values, times in embedder.timestamps([clip(0.6, 1), clip(0.4, 2)], [level, mean], 100):
        assert values[level].shape == (len(times), embedder.dims[level[0]] * embedder.tokens(level))
        means = values[level].unflatten(1, (-1, embedder.dims[level[0]])).mean(1)
        assert (means - values[mean]).abs().max() <= TOLERANCE * values[mean].abs().max()


@pytest.mark.parametrize("text", TEXTS)
def test_every_clip_has_as_many_tokens_and_those_that_it_has_alone(embedders, text):
    embedder = embedders[text]
    taps = [("block4.tokens", None), ("block4.tokens", 640)]
    clips = [clip(1.0, 1), clip(0.35, 2), clip(10.4, 3)]
    together = embedder.scene(clips, taps)
    for tap in taps:
        assert together[tap].shape[1] == embedder.dims[tap[0]] * embedder.tokens(tap)
        for place, one in enumerate(clips):
            alone = embedder.scene([one], [tap])[tap][0]
            assert (together[tap][place] - alone).abs().max() <= TOLERANCE * alone.abs().max()


@pytest.mark.parametrize("seconds", [2.1, 0.64])  # 211 frames; 65, one more than a part
def test_maps_in_parts_of_time_give_the_same_tokens(embedders, monkeypatch, seconds):
    """On a CPU the early blocks of CNN14 see long clips in parts."""
    embedder = embedders["cnn14@untrained-0"]
    assert isinstance(embedder, Cnn14Embedder)
    taps, audio = [(f"block{number}.tokens", None) for number in (1, 2, 3, 4)], [clip(seconds, 1)]
    whole = embedder.scene(audio, taps)
    monkeypatch.setattr(embedder._current_form(), "frames_in_cache", 64)
    parts = embedder.scene(audio, taps)
    for tap in taps:
        assert (parts[tap] - whole[tap]).abs().max() <= TOLERANCE * whole[tap].abs().max(), tap


@torch.no_grad()
def test_crepe_keeps_the_positions_of_a_frame():
    pytest.importorskip("torchcrepe")
    embedder = registry.build(registry.resolve("crepe_tiny"), device="cpu")
    levels = registry.card("crepe_tiny").token_levels
    audio = [clip(0.3, 1, 16000), clip(0.2, 2, 16000)]
    taps = [(level, None) for level in (*levels, "layer5", "layer6")]
    timed, scenes = embedder.timestamps(audio, taps, 250), embedder.scene(audio, taps)
    for layer in (5, 6):  # of 8 and 4 positions: all are kept, which the other levels have channel by channel
        tap, positions = (f"layer{layer}.tokens", None), crepe_net.positions(layer)
        assert embedder.tokens(tap) == positions
        for values, _ in timed:
            flat = values[f"layer{layer}", None].unflatten(1, (-1, positions)).transpose(1, 2).flatten(1)
            assert torch.equal(values[tap], flat)
    assert embedder.tokens(("layer1.tokens", None)) == 8
    tap = ("layer5.tokens", None)
    frames = timed[0][0][tap].unflatten(1, (8, -1))  # (2 frames, 8 positions, channels), side by side in a scene
    assert torch.allclose(scenes[tap][0].unflatten(0, (8, -1)), frames.flatten(0, 1).unflatten(0, (8, 2)).mean(1))


@pytest.mark.parametrize("name", ["logmel", "chance", "melproj"])
def test_a_model_without_tokens_says_which_have_some(name):
    expected = r"unknown level '\w+.tokens'.*; PaSST, the CNNs and encoders .* keep tokens"
    with pytest.raises(ValueError, match=expected) as error:
        registry.resolve(f"{name}@{registry.card(name).default_levels[0]}.tokens")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["passt_demo", "cnn_demo", "crepe_tiny"])
def test_only_ranges_that_name_tokens_have_them(name):
    card = registry.card(name)
    assert not any(level.endswith(".tokens") for (level,) in expanded(["*"], card))
    first, *_, last = card.token_levels
    assert expanded([f"{first}..{last}"], card) == [(level,) for level in card.token_levels]
    start, end = (level.partition(".")[0] + (".mean" if name == "crepe_tiny" else "") for level in (first, last))
    assert not any(level.endswith(".tokens") for (level,) in expanded([f"{start}..{end}"], card))
