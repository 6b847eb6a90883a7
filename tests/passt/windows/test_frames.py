"""Windows that share their STFT frames have the spectrograms that each has alone."""

import pytest
import torch

from passt.windows.frames import centered, whole
from passt.windows.mel import MelSpectrogram
from passt.windows.waveforms import centered as plain
from tests.reference_values import clip


class Counting(MelSpectrogram):
    """Counts the frames it computes."""

    frames = 0

    def forward(self, audio):
        mel = super().forward(audio)
        self.frames += mel.numel() // 128
        return mel


@pytest.mark.parametrize("hop", [320, 160, 100])
@pytest.mark.parametrize("window_ms", [160, 200, 333, 640, 1000])
@pytest.mark.parametrize("step_ms", [50, 10, 25, 37])
def test_shared_frames_are_each_windows_own(hop, window_ms, step_ms):
    mel, audio = MelSpectrogram(hop), clip(1.3, 1)
    window, step = 32 * window_ms, 32 * step_ms
    wanted = mel(plain(audio, window, step))
    found = centered(mel, audio, window, step)
    assert len(found) == len(wanted)
    for rows in (slice(0, len(found)), slice(0, 1), slice(5, 9), slice(len(found) - 1, len(found))):
        assert found[rows].shape == wanted[rows].shape
        assert torch.allclose(found[rows], wanted[rows], atol=1e-5)


@pytest.mark.parametrize("hop", [320, 160, 100])
def test_large_windows_share_most_of_their_frames(hop):
    mel, audio = Counting(hop), clip(5.0, 1)
    excerpts = centered(mel, audio, 32 * 640, 32 * 50)
    assert excerpts.shared
    found = excerpts[0 : len(excerpts)]
    assert 4 * mel.frames < found.numel() // 128


def test_the_mel_excerpt_and_a_whole_clip_share_nothing():
    mel, audio = MelSpectrogram(320), clip(1.0, 1)
    assert not centered(mel, audio, 6 * 320, 1600).shared
    assert torch.equal(whole(mel, audio)[0:1], mel(audio[None]))
