"""Levels that keep the patch tokens of a window."""

import pytest
import torch
from torch.nn import functional as F

from passt import EmbeddingSpec, PasstEmbedder, hear, windowed
from passt.catalog import checkpoints
from passt.tokens import MOST_COLUMNS, MOST_ROWS, averaged
from tests.reference_values import clip, divided

WIDTH, ROWS = 192, 12
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def embedder():
    return PasstEmbedder(EmbeddingSpec("passt_demo", weights="untrained-0"), device="cpu")


@torch.no_grad()
def patches_of(embedder, audio, number):
    """The patch tokens after a block (rows, columns, width), by a hook on the network as it was loaded."""
    kept = []
    handle = embedder.net.blocks[number - 1].register_forward_hook(lambda _, __, output: kept.append(output))
    embedder.net(embedder.mel(audio)[None], ["features"])
    handle.remove()
    return kept[0][0, 2:].unflatten(0, (ROWS, -1))


def pooled(patches, columns):
    """Average (rows, columns, width) along time, row by row, and put the tokens side by side."""
    return divided(patches, columns, 1).flatten()


def test_names_and_numbers(embedder):
    assert (MOST_ROWS, MOST_COLUMNS) == (12, 8)
    card = embedder.checkpoint.card
    assert card.token_levels == tuple(f"block{number}.tokens" for number in range(1, 13))
    assert not set(card.token_levels) & set(card.levels)
    assert {embedder.dims[level] for level in card.token_levels} == {WIDTH}
    found = {window: embedder.tokens(("block3.tokens", window)) for window in (160, 640, 1280, None)}
    assert found == {160: ROWS, 640: ROWS * 5, 1280: ROWS * 8, None: ROWS * 8}
    assert embedder.tokens(("block3.patches", 640)) == 1


@pytest.mark.parametrize("number", [1, 7, 12])
@pytest.mark.parametrize("seconds", [0.64, 3.1])
def test_tokens_are_those_of_the_network(embedder, number, seconds):
    audio = clip(seconds, 1)
    tap = (f"block{number}.tokens", round(1000 * seconds))
    patches = patches_of(embedder, audio, number)
    found = embedder.scene([audio], [tap])[tap][0]
    assert len(found) == embedder.tokens(tap) * WIDTH
    assert torch.allclose(found, pooled(patches, min(8, patches.shape[1])), atol=TOLERANCE)


def test_their_mean_is_the_level_of_patches(embedder):
    taps = [(f"block{number}{pool}", 640) for number in (2, 12) for pool in (".tokens", ".patches")]
    for values, times in embedder.timestamps([clip(0.4, 1), clip(0.15, 2)], taps, hop_ms=50):
        for number in (2, 12):
            tokens, mean = (values[f"block{number}{pool}", 640] for pool in (".tokens", ".patches"))
            assert tokens.shape == (len(times), ROWS * 5 * WIDTH)
            assert (tokens.unflatten(1, (-1, WIDTH)).mean(1) - mean).abs().max() <= 1e-6
            short = tokens.bfloat16().float().unflatten(1, (-1, WIDTH)).mean(1)
            assert (short - mean).abs().max() <= 2**-9 * tokens.abs().max()


def test_clips_of_any_lengths_have_as_many_tokens_and_those_that_they_have_alone(embedder):
    clips = [clip(1.0, 1), clip(0.31, 2), clip(1.004, 3), clip(10.5, 4)]
    taps = [("block3.tokens", None), ("block3.tokens", 640), ("block2.tokens", 160)]
    together = embedder.scene(clips, taps)
    for tap in taps:
        assert together[tap].shape == (4, embedder.tokens(tap) * WIDTH)
        for place, one in enumerate(clips):
            assert torch.allclose(together[tap][place], embedder.scene([one], [tap])[tap][0], atol=2e-5), (tap, place)


def test_windows_of_a_scene_stand_side_by_side_in_time(embedder):
    audio, tap = clip(2.0, 1), ("block4.tokens", 640)
    found = embedder.scene([audio], [tap])[tap][0].view(ROWS, 5, WIDTH)
    ((steps, _),) = embedder.timestamps([audio], [tap], hop_ms=160)  # max(50, 640 // 4)
    windows = steps[tap].view(-1, ROWS, 5, WIDTH)
    columns = windows.transpose(0, 1).flatten(1, 2)  # (rows, columns of all windows, width)
    assert torch.allclose(found.flatten(), pooled(columns, 5), atol=TOLERANCE)
    assert not torch.allclose(found, windows.mean(0), atol=0.01)  # which would blur time
    assert torch.allclose(found.mean(1), windows.mean((0, 2)), atol=TOLERANCE)


def test_a_short_scene_repeats_its_columns(embedder):
    audio, tap = clip(0.31, 1), ("block2.tokens", None)
    found = embedder.scene([audio], [tap])[tap][0].view(ROWS, 8, WIDTH)
    patches = patches_of(embedder, audio, 2)
    assert patches.shape[1] == 2
    assert torch.allclose(found, patches.repeat_interleave(4, dim=1), atol=TOLERANCE)


def test_the_last_blocks_patches_are_computed_for_its_tokens_alone(embedder, monkeypatch):
    form, reads = embedder._current_form(), []
    block = form.blocks[-1]
    plain = type(block).reads
    monkeypatch.setattr(type(block), "reads", lambda self, x, *counts: reads.append(counts) or plain(self, x, *counts))
    embedder.scene([clip(0.4, 1)], [("features", None), ("block11.tokens", None)])
    embedder.scene([clip(0.4, 1)], [("block12.tokens", None)])
    assert reads == [(2,), (2, None)]


def test_a_hear_model_says_how_wide_they_are():
    spec = EmbeddingSpec("passt_demo", ("block2.tokens",), (640,), scene_window_ms=1280, weights="untrained-0")
    model = hear.load_model(spec=str(spec), device="cpu")
    audio = clip(0.3, 1)[None]
    assert hear.get_scene_embeddings(audio, model).shape == (1, model.scene_embedding_size) == (1, ROWS * 8 * WIDTH)
    values, _ = hear.get_timestamp_embeddings(audio, model)
    assert values.shape == (1, 7, model.timestamp_embedding_size) == (1, 7, ROWS * 5 * WIDTH)


def test_what_has_no_tokens_is_refused_in_one_line(embedder):
    card = checkpoints.get("passt_demo").card
    for level in ("mel.tokens", "features.tokens", "block13.tokens", "block2.patches.tokens"):
        with pytest.raises(ValueError, match=r"^passt_demo: (unknown level|levels must be)") as error:
            card.spec(levels=(level,))
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="unknown level 'mel.tokens'.*expected one of block1.tokens, block2.tokens"):
        card.check_level("mel.tokens")
    with pytest.raises(ValueError, match="unknown level 'mel.tokens'"):
        embedder.scene([clip(0.4, 1)], [("mel.tokens", None)])


def test_fewer_seconds_share_a_call_where_tokens_of_scenes_are_many(embedder):
    taps = [(f"block{number}.tokens", 160) for number in range(1, 13)]
    rate = 12 * 4 * ROWS * WIDTH * 1000 / 50  # bytes of a second, of windows every 50 ms
    assert embedder.seconds_at_once(taps * 2, None) == pytest.approx(windowed.TOKEN_BYTES / (2 * rate))
    assert embedder.seconds_at_once(taps[:1], None) is None  # 240 s of them fit
    assert embedder.seconds_at_once(taps, 50) is None  # whose embeddings bound them


@pytest.mark.parametrize(("rows", "columns"), [(13, 99), (13, 3), (5, 8), (20, 16)])
def test_averages_are_of_parts_of_one_size(rows, columns):
    grid = torch.randn(2, rows, columns, 5, generator=torch.Generator().manual_seed(0))
    found = averaged(grid, 10, 8)
    torch.testing.assert_close(found, divided(divided(grid, 10, 1), 8, 2), rtol=0, atol=1e-6)
    torch.testing.assert_close(found.mean((1, 2)), grid.mean((1, 2)), rtol=0, atol=1e-6)
    assert averaged(grid, rows, columns) is grid


def test_averages_of_whole_tokens_are_torchs():
    grid = torch.randn(2, 24, 16, 5, generator=torch.Generator().manual_seed(0))
    torchs = F.adaptive_avg_pool2d(grid.permute(0, 3, 1, 2), (12, 8)).permute(0, 2, 3, 1)
    torch.testing.assert_close(averaged(grid, 12, 8), torchs, rtol=0, atol=1e-6)
