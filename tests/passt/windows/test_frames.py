"""Windows that share their STFT frames have the spectrograms that each has alone."""

import pytest
import torch

from passt.windows.frames import Excerpts
from passt.windows.mel import MelSpectrogram
from passt.windows.waveforms import Windows, padded, steps
from tests.reference_values import clip


class Counting(MelSpectrogram):
    """Counts its calls, and the frames it computes."""

    calls = frames = 0

    def forward(self, audio):
        mel = super().forward(audio)
        self.calls += 1
        self.frames += mel.numel() // 128
        return mel


def excerpts_of(mel, clips, window, hop, lookahead=None):
    return Excerpts(mel, padded(clips, window, lookahead), window, hop, steps(clips.shape[-1], hop))


@pytest.mark.parametrize("hop", [320, 160, 100])
@pytest.mark.parametrize("window_ms", [160, 200, 333, 640, 1000])
@pytest.mark.parametrize("step_ms", [50, 10, 25, 37])
@pytest.mark.parametrize("lookahead_ms", [None, 0, 77, 160])
def test_shared_frames_are_each_windows_own(hop, window_ms, step_ms, lookahead_ms):
    mel, audio = MelSpectrogram(hop), clip(1.3, 1)
    window, step, lookahead = 32 * window_ms, 32 * step_ms, None if lookahead_ms is None else 32 * lookahead_ms
    count = steps(len(audio), step)
    wanted = mel(Windows(padded(audio[None], window, lookahead), window, step, count).cut[0])
    found = excerpts_of(mel, audio[None], window, step, lookahead)
    assert len(found) == len(wanted)
    for rows in (slice(0, len(found)), slice(0, 1), slice(5, 9), slice(len(found) - 1, len(found))):
        assert found[rows].shape == wanted[rows].shape
        assert torch.allclose(found[rows], wanted[rows], atol=1e-5)


@pytest.mark.parametrize("hop", [320, 160, 100])
def test_large_windows_share_most_of_their_frames(hop):
    mel, audio = Counting(hop), clip(5.0, 1)
    excerpts = excerpts_of(mel, audio[None], 32 * 640, 32 * 50)
    assert excerpts.shared
    found = excerpts[0 : len(excerpts)]
    assert 4 * mel.frames < found.numel() // 128


@pytest.mark.parametrize(("window_ms", "shared"), [(640, True), (160, False)])
@pytest.mark.parametrize("rows", [slice(0, 81), slice(3, 9), slice(20, 81), slice(5, 60), slice(27, 54), slice(26, 55)])
def test_clips_of_one_length_together_have_the_windows_of_each(window_ms, shared, rows):
    mel, clips = Counting(320), torch.stack([clip(1.3, seed) for seed in (1, 2, 3)])
    excerpts = excerpts_of(mel, clips, 32 * window_ms, 32 * 50)
    assert (len(excerpts), excerpts.shared) == (81, shared)
    alone = [excerpts_of(mel, one[None], 32 * window_ms, 32 * 50)[0:27] for one in clips]
    mel.calls = 0
    assert torch.allclose(excerpts[rows], torch.cat(alone)[rows], atol=1e-5)
    assert mel.calls <= (9 if shared else 1)
    assert torch.allclose(Excerpts(mel, clips, 41600, 41600, 1)[1:3], mel(clips[1:]), atol=1e-6)


def test_the_mel_excerpt_and_a_whole_clip_share_nothing():
    mel, audio = MelSpectrogram(320), clip(1.0, 1)
    assert not excerpts_of(mel, audio[None], 6 * 320, 1600).shared
    assert torch.equal(Excerpts(mel, audio[None], 32000, 32000, 1)[0:1], mel(audio[None]))
