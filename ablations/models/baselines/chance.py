"""Chance: an embedding that is the same for every sound, the floor under all others.

A probe of it learns how frequent labels are, and nothing else. Its scores are chance under the very protocol and metric
that the other models are scored by.
"""

from torch import Tensor

from ablations.models.baselines.logmel import MelEmbedder
from passt.catalog.card import Card
from passt.catalog.checkpoints import SAMPLE_RATE
from passt.catalog.spec import EmbeddingSpec

LEVEL = "constant"

CARDS = (
    Card(
        name="chance",
        family="chance",
        sample_rate=SAMPLE_RATE,
        levels=(LEVEL,),
        default_levels=(LEVEL,),
        default_windows_ms=(160,),
        min_window_ms=20,
        default_weights="none",
        weights=("none",),
    ),
)


class ChanceEmbedder(MelEmbedder):
    """One value, 1, whatever the sound."""

    def __init__(self, spec: EmbeddingSpec, *, device: str = "cpu", weights: None = None) -> None:
        super().__init__(spec, device, {LEVEL: 1})

    def level(self, name: str, mels: Tensor) -> Tensor:
        return mels.new_ones(len(mels), 1)
