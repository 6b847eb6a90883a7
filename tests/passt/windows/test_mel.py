"""The front end takes as many clips at a time as stay in the cache; that must not be seen."""

import pytest
import torch

from passt.windows import mel
from passt.windows.mel import MelSpectrogram, mel_bands


@pytest.mark.parametrize("hop", [320, 100])
@pytest.mark.parametrize("at_once", [1, 13_000, 10**6])  # a clip at a time, two, all
def test_clips_have_the_spectrograms_they_have_alone(monkeypatch, hop, at_once):
    clips = 0.1 * torch.randn(5, 6000, generator=torch.Generator().manual_seed(0))
    alone = [MelSpectrogram(hop)(clip) for clip in clips]
    monkeypatch.setattr(mel, "AT_ONCE", at_once)
    assert torch.equal(MelSpectrogram(hop)(clips), torch.stack(alone))


def test_any_axes_may_stand_in_front_and_bands_be_given(monkeypatch):
    monkeypatch.setattr(mel, "AT_ONCE", 7000)
    clips, bands = torch.randn(2, 3, 6000, generator=torch.Generator().manual_seed(1)), mel_bands(50, 14000)
    found = MelSpectrogram(320)(clips, bands)
    assert found.shape == (2, 3, 128, 19)
    assert torch.equal(found[1, 2], MelSpectrogram(320)(clips[1, 2], bands))
