"""What embedders of windows tell their callers."""

import pytest
import torch

from passt.windowed import CUDA_SOUND_S, WindowedEmbedder

WHOLE, SHORT, LONG, MEL = ("logits", None), ("logits", 160), ("block1", 640), ("mel", None)


class Nothing(WindowedEmbedder):
    def __init__(self, device):
        self.device = torch.device(device)

    def levels(self, views, levels):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("taps", "hop_ms", "overlaps"),
    [
        ([WHOLE], None, 1),
        ([WHOLE, ("block1", None)], None, 1),
        ([WHOLE, SHORT], None, 1 + 160 / 50),
        ([LONG], None, 4),
        ([SHORT, ("features", 160), LONG, MEL], 50, (160 + 640) / 50 + 1),
        ([MEL], 50, 1),
        ([SHORT], 1000, 1),
    ],
)
def test_calls_on_cuda_are_long_and_shorter_where_windows_overlap(taps, hop_ms, overlaps):
    assert Nothing("cuda").seconds_at_once(taps, hop_ms) == pytest.approx(CUDA_SOUND_S / overlaps)
    assert Nothing("cpu").seconds_at_once(taps, hop_ms) is None
