"""A random projection of the log-mel spectrum: many values without training, a floor under every wide embedding.

The idea is HEAR's naive baseline (Turian et al. 2022; package hearbaseline 2021.1.1): 4096 weighted sums of a frame's
log-mel bands, without nonlinearity, and for scenes the mean over frames. The weights are uniform on [0, 1), divided by
the square root of the number of bands. HEAR's baseline has 256 bands of frames of 93 ms. Here it is PaSST's log-mel
spectrogram, 128 bands every 10 ms. The mean over the frames of a window is projected, because the projection is linear.
"""

import math
import zlib

import numpy as np
import torch
from torch import Tensor

from ablations.models.baselines.logmel import MelEmbedder
from passt.catalog.card import Card
from passt.catalog.checkpoints import MEL_BANDS, SAMPLE_RATE
from passt.catalog.spec import EmbeddingSpec
from passt.network.precision import arithmetic

WIDTH = 4096
LEVEL = "projection"

CARDS = (
    Card(
        name="melproj",
        family="melproj",
        sample_rate=SAMPLE_RATE,
        levels=(LEVEL,),
        default_levels=(LEVEL,),
        default_windows_ms=(160,),
        min_window_ms=20,
        default_weights="untrained-0",
        weights=("untrained",),
    ),
)


class MelProjectionEmbedder(MelEmbedder):
    """4096 weighted sums of the 128 log-mel bands, each the mean over a window, or over a whole clip for scenes."""

    def __init__(self, spec: EmbeddingSpec, *, device: str = "cpu", weights: None = None) -> None:
        super().__init__(spec, device, {LEVEL: WIDTH})
        self.matrix = projection(int(spec.weights.removeprefix("untrained-"))).to(self.device)

    def tensors(self) -> dict[str, Tensor]:
        return {**super().tensors(), "projection": self.matrix}

    def level(self, name: str, mels: Tensor) -> Tensor:
        with arithmetic("highest"):
            return mels.mean(dim=-1) @ self.matrix


def projection(seed: int) -> Tensor:
    """Draw the random matrix of a seed: (128, 4096), uniform on [0, 1), divided by the square root of 128."""
    stream = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(LEVEL.encode())]))
    return torch.from_numpy(stream.random((MEL_BANDS, WIDTH), dtype=np.float32)) / math.sqrt(MEL_BANDS)
