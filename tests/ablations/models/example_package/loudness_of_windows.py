"""The loudness of windows, in all and in bands: a model family of a package of its own."""

import torch

from ablations.models.family import Family
from passt.catalog.card import Card
from passt.devices import placed
from passt.windowed import WindowedEmbedder

CARD = Card(
    name="loudness",
    family="loudness",
    sample_rate=16000,
    levels=("bands", "total"),
    default_levels=("bands",),
    default_windows_ms=(160,),
    min_window_ms=20,
    default_weights="none",
    weights=("none",),
)


class Loudness(WindowedEmbedder):
    """Root mean squares of windows."""

    name, sample_rate, min_samples = "loudness", CARD.sample_rate, 320
    fingerprint = "00000000000000a1"  # another one whenever the numbers change

    def __init__(self, spec, *, device="cpu", weights=None):
        self.device, self.dims = placed(device), {"bands": 32, "total": 1}

    def levels(self, views, levels):
        return {level: [getattr(self, level)(view[0 : len(view)]) for view in views] for level in levels}

    def total(self, windows):
        return windows.square().mean(-1, keepdim=True).sqrt()

    def bands(self, windows):
        power = torch.fft.rfft(windows).abs().square() / windows.shape[-1]
        return torch.nn.functional.adaptive_avg_pool1d(power, 32).sqrt()


FAMILY = Family(cards=(CARD,), build=Loudness)
