import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passt.windows.waveforms import Windows, centered, reflect_pad, timestamps, whole


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numpy 1 reflects otherwise the second time")
@given(st.integers(1, 40), st.integers(0, 100), st.integers(0, 100))
def test_padding_is_numpys_reflect(samples, left, right):
    clips = torch.randn(2, samples)
    wanted = np.pad(clips.numpy(), ((0, 0), (left, right)), mode="reflect")
    assert np.array_equal(reflect_pad(clips, left, right).numpy(), wanted)


@given(st.integers(1, 300), st.integers(1, 400), st.integers(1, 60))
def test_windows_are_centred_on_multiples_of_the_hop(samples, window, hop):
    clip = torch.arange(samples, dtype=torch.float32)
    windows = centered(clip[None], window, hop)
    cut = windows[0 : len(windows)]
    assert cut.shape == (samples // hop + 1, window) == (len(windows), windows.samples)
    for step, center in enumerate(cut[:, window // 2].tolist()):
        if step * hop < samples:
            assert center == step * hop


def test_windows_are_not_copied():
    windows = centered(torch.zeros(1, 320000), 20480, 1600)
    for cut in (windows.cut, windows[0 : len(windows)], windows[3:90]):
        assert cut.numel() > 5 * (cut.untyped_storage().nbytes() // 4)


@given(st.integers(1, 4), st.integers(1, 6), st.data())
def test_windows_of_clips_follow_one_another(clips, rows, data):
    audio = torch.randn(clips, 4 + 3 * (rows - 1))
    windows = Windows(audio, 4, 3, rows)
    every = torch.cat([clip.unfold(0, 4, 3) for clip in audio])
    first = data.draw(st.integers(0, len(windows) - 1))
    stop = data.draw(st.integers(first + 1, len(windows)))
    assert torch.equal(windows[first:stop], every[first:stop])
    assert len(windows.blocks(slice(first, stop))) <= 3
    assert torch.equal(whole(audio)[0:clips], audio)


def test_timestamps_are_milliseconds_from_zero():
    assert timestamps(41600, 50, 32000).tolist() == [50.0 * step for step in range(27)]
    assert timestamps(1, 50, 32000).tolist() == [0.0]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_clips_far_shorter_than_a_window(length):
    assert centered(torch.ones(1, length), 5120, 1600).cut.unique().tolist() == [1.0]
