"""What every embedder of windows does with a look-ahead; the tests of model families call these."""

import torch

from tests.reference_values import clip

HOP_MS = 50


def check_against_cutting_by_hand(embedder, taps, lookahead_ms, tolerance, seconds=0.4):
    """Compare each timestamp with the embedding of its window, as a clip of its own, with silence beyond the edges.

    The tolerance is relative to the largest value.
    """
    rate = embedder.sample_rate
    audio = clip(seconds, 7, rate)
    ((values, times),) = embedder.timestamps([audio], taps, HOP_MS, lookahead_ms)
    assert times.tolist() == [HOP_MS * step for step in range(len(audio) // (rate * HOP_MS // 1000) + 1)]
    for level, window_ms in taps:
        assert len(values[level, window_ms]) == len(times)
        for step, ms in enumerate(times.tolist()):
            begin = int(rate * (ms - window_ms + lookahead_ms)) // 1000
            cut = torch.zeros(rate * window_ms // 1000)
            inside = slice(max(begin, 0), max(min(begin + len(cut), len(audio)), 0))
            cut[inside.start - begin :][: inside.stop - inside.start] = audio[inside]
            alone = embedder.scene([cut], [(level, window_ms)])[level, window_ms][0]
            apart = (values[level, window_ms][step] - alone).abs().max()
            assert apart <= tolerance * alone.abs().max(), (level, window_ms, ms)


def check_that_the_future_is_not_seen(embedder, taps, lookahead_ms, seconds=0.7):
    """Change the sound from a time on: no embedding of a timestamp that looks no further may change by a bit."""
    rate = embedder.sample_rate
    audio = clip(seconds, 7, rate)
    for first_ms in (HOP_MS, 300):
        changed = audio.clone()
        begin = rate * (first_ms + lookahead_ms) // 1000
        changed[begin:] = 0.8 * audio[begin:].flip(0) - 0.1
        ((before, times),), ((after, _),) = (
            embedder.timestamps([sound], taps, HOP_MS, lookahead_ms) for sound in (audio, changed)
        )
        seen = int((times <= first_ms).sum())
        for tap in taps:
            assert torch.equal(before[tap][:seen], after[tap][:seen]), (tap, first_ms)
            assert not torch.equal(before[tap][seen + 2], after[tap][seen + 2]), (tap, first_ms)
