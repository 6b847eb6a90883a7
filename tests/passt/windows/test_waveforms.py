import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passt.windows.waveforms import centered, reflect_pad, timestamps


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numpy 1 reflects otherwise the second time")
@given(st.integers(1, 40), st.integers(0, 100), st.integers(0, 100))
def test_padding_is_numpys_reflect(samples, left, right):
    clip = torch.randn(samples)
    wanted = np.pad(clip.numpy(), (left, right), mode="reflect")
    assert np.array_equal(reflect_pad(clip, left, right).numpy(), wanted)


@given(st.integers(1, 300), st.integers(1, 400), st.integers(1, 60))
def test_windows_are_centred_on_multiples_of_the_hop(samples, window, hop):
    clip = torch.arange(samples, dtype=torch.float32)
    windows = centered(clip, window, hop)
    assert windows.shape == (samples // hop + 1, window)
    for step, center in enumerate(windows[:, window // 2].tolist()):
        if step * hop < samples:
            assert center == step * hop


def test_windows_are_not_copied():
    windows = centered(torch.zeros(320000), 20480, 1600)
    assert windows.numel() > 10 * (windows.untyped_storage().nbytes() // 4)


def test_timestamps_are_milliseconds_from_zero():
    assert timestamps(41600, 50, 32000).tolist() == [50.0 * step for step in range(27)]
    assert timestamps(1, 50, 32000).tolist() == [0.0]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_clips_far_shorter_than_a_window(length):
    assert centered(torch.ones(length), 5120, 1600).unique().tolist() == [1.0]
