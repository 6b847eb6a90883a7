"""Windows that reach so far beyond their timestamp as is asked for, against windows that are cut by hand."""

import re

import pytest
import torch

from passt import EmbeddingSpec, PasstEmbedder
from passt.windowed import WindowedEmbedder
from passt.windows.waveforms import Windows
from tests.lookahead import check_against_cutting_by_hand, check_that_the_future_is_not_seen
from tests.reference_values import clip

TAPS = (("features", 320), ("block6.tokens", 320), ("logits", 640))
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def embedder():
    return PasstEmbedder(EmbeddingSpec("passt_demo", weights="demo"), device="cpu")


@pytest.mark.parametrize("lookahead_ms", [0, 77, 320])
def test_windows_are_those_cut_by_hand(embedder, lookahead_ms):
    check_against_cutting_by_hand(embedder, TAPS, lookahead_ms, TOLERANCE)


def test_windows_of_untrained_weights_are_those_cut_by_hand():
    embedder = PasstEmbedder(EmbeddingSpec("passt_demo", weights="untrained-0"), device="cpu")
    check_against_cutting_by_hand(embedder, TAPS, 40, TOLERANCE)


@pytest.mark.parametrize("lookahead_ms", [0, 80])
def test_nothing_beyond_the_look_ahead_is_seen(embedder, lookahead_ms):
    check_that_the_future_is_not_seen(embedder, TAPS, lookahead_ms)


def test_a_centered_window_sees_the_future_and_at_the_beginning_nothing_else(embedder):
    audio = clip(1.0, 1)
    changed = torch.cat([audio[:1], 0.5 * audio[1:].flip(0)])
    ((before, _),), ((after, _),) = (embedder.timestamps([sound], TAPS[:1], 50) for sound in (audio, changed))
    assert not torch.allclose(before[TAPS[0]][0], after[TAPS[0]][0], atol=0.01)


def test_clips_together_have_the_embeddings_of_each(embedder):
    clips = [clip(0.4, 1), clip(0.51, 2), clip(0.05, 3), clip(0.4, 4)]
    for one, (values, times) in zip(clips, embedder.timestamps(clips, TAPS, 50, 40), strict=True):
        ((alone, alone_times),) = embedder.timestamps([one], TAPS, 50, 40)
        assert torch.equal(times, alone_times)
        assert all(torch.allclose(values[tap], alone[tap], atol=TOLERANCE) for tap in TAPS)


def test_half_a_window_is_the_centered_window_where_neither_meets_an_edge(embedder):
    audio = clip(1.5, 1)
    tap = TAPS[0]
    ((centered, _),), ((half, _),) = (embedder.timestamps([audio], [tap], 50, ahead) for ahead in (None, 160))
    inside = slice(4, -4)
    assert torch.allclose(centered[tap][inside], half[tap][inside], atol=TOLERANCE)
    assert not torch.allclose(centered[tap][0], half[tap][0], atol=0.01)


def test_a_spec_says_it(embedder):
    weights = embedder.spec.weights
    ahead = PasstEmbedder(f"passt_demo@features@w320@ahead0@{weights}", device="cpu")
    audio = clip(0.5, 1)
    values, times = ahead.timestamp_embedding(audio[None])
    ((wanted, wanted_times),) = embedder.timestamps([audio], TAPS[:1], 50, 0)
    assert torch.equal(values[0], wanted[TAPS[0]])
    assert torch.equal(times, wanted_times)
    assert ahead.fingerprint == embedder.fingerprint
    scenes = [one.scene([audio], [("features", None)])["features", None] for one in (ahead, embedder)]
    assert torch.equal(*scenes)
    assert str(ahead.spec).endswith(f"@t50@ahead0@{weights}")


@pytest.mark.parametrize(
    ("taps", "lookahead_ms", "message"),
    [
        (TAPS, 321, "lookahead_ms must be 0 to 320 ms, its window, got 321"),
        (TAPS, -1, "lookahead_ms must be 0 to 320 ms, its window, got -1"),
        (TAPS, True, "lookahead_ms must be 0 to 320 ms, its window, got True"),
        ([*TAPS, ("mel", None)], 0, "lookahead_ms must be None for mel, which takes no window"),
    ],
)
def test_a_look_ahead_that_no_window_has_is_named(embedder, taps, lookahead_ms, message):
    with pytest.raises(ValueError, match=re.escape(f"{embedder.name}: {message}")):
        embedder.timestamps([clip(0.2, 1)], taps, 50, lookahead_ms)


def test_an_embedder_that_cuts_its_own_windows_is_not_given_others():
    class Own(WindowedEmbedder):
        name, sample_rate, min_samples, device = "own", 1000, 1, torch.device("cpu")

        def __init__(self):
            self.dims = {"mean": 1}

        def centered(self, clips, window, hop):
            return Windows(clips, window, hop, 1)

        def levels(self, views, levels):
            return {level: [view[0 : len(view)].mean(1, keepdim=True) for view in views] for level in levels}

    with pytest.raises(ValueError, match=r"own: lookahead_ms must be None, it cuts its own windows; got 0"):
        Own().timestamps([torch.zeros(100)], [("mean", 20)], 10, 0)


@pytest.mark.parametrize(("window_ms", "unread_ms"), [(160, 0), (360, 0), (660, 0), (320, 57), (640, 77)])
def test_what_fills_no_patch_at_the_end_of_a_window_is_not_read(embedder, window_ms, unread_ms):
    """Windows of 160 ms and hundreds more are read to their end, which look-aheads are measured from."""
    audio = clip(window_ms / 1000, 1)
    tap = ("features", window_ms)

    def is_read(last_ms):
        changed = audio.clone()
        changed[-32 * last_ms :] *= -0.5
        ((before, _),), ((after, _),) = (embedder.timestamps([s], [tap], window_ms, 0) for s in (audio, changed))
        return not torch.equal(before[tap][-1], after[tap][-1])

    assert is_read(unread_ms + 3)
    assert unread_ms == 0 or not is_read(unread_ms)
