"""Log-mel statistics: the mean and the standard deviation over the frames of a window, a floor under every network.

The spectrogram is PaSST's (128 bands, 10 ms).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from passt.catalog.card import Card
from passt.catalog.checkpoints import MEL_BANDS, SAMPLE_RATE
from passt.catalog.spec import EmbeddingSpec
from passt.devices import placed
from passt.network.identity import fingerprint_of
from passt.network.precision import arithmetic
from passt.windowed import WindowedEmbedder
from passt.windows.batches import Budget, Rows, forward_in_batches
from passt.windows.mel import FFT, MelSpectrogram
from passt.windows.waveforms import Windows, joined

HOP = 320  # samples, 10 ms
SAMPLES_AT_ONCE = 40 * SAMPLE_RATE  # of windows, on a CPU
BYTES_PER_SAMPLE = 60  # 47 are in use at the peak of the front end, counted on a CPU
FORMAT = 1  # part of the fingerprint; raised when the numbers change
LEVELS = ("mean", "std")

CARDS = (
    Card(
        name="logmel",
        family="logmel",
        sample_rate=SAMPLE_RATE,
        levels=LEVELS,
        default_levels=LEVELS,
        default_windows_ms=(160,),
        min_window_ms=20,
        default_weights="none",
        weights=("none",),
    ),
)


class MelEmbedder(WindowedEmbedder):
    """Base of embedders without a network: levels are functions of a window's spectrogram.

    Args:
        spec: names the checkpoint and its weights.
        device: "cpu" or "cuda".
        dims: level -> width.
    """

    sample_rate = SAMPLE_RATE
    min_samples = FFT // 2 + 2  # the STFT reflects half its length at the edges

    def __init__(self, spec: EmbeddingSpec, device: str, dims: Mapping[str, int]) -> None:
        self.name = f"{spec.checkpoint}@{spec.weights}"
        self.device = placed(device)
        self.mel = MelSpectrogram(HOP).to(self.device)
        self._checkpoint = spec.checkpoint
        self._budget = Budget.of_memory(self.device, SAMPLES_AT_ONCE, BYTES_PER_SAMPLE)
        self.dims = dict(dims)

    @property
    def fingerprint(self) -> str:  # type: ignore[override]  # it follows the tensors
        """16 hex digits for the front end and `tensors` as they are now."""
        return fingerprint_of({self._checkpoint: self.mel.hop, "format": FORMAT}, self.tensors())

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that decide the numbers."""
        return {"bands": self.mel.bands}

    @abstractmethod
    def level(self, name: str, mels: Tensor) -> Tensor:
        """Compute a level of spectrograms: (rows, 128, frames) -> (rows, dim)."""

    @torch.no_grad()
    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Compute every level of every window."""

        def forward(windows: list[Tensor]) -> dict[str, Tensor]:
            with arithmetic("highest"):  # whatever the user's settings
                mels = self.mel(joined(windows))
            return {level: self.level(level, mels) for level in levels}

        return forward_in_batches(views, forward, group_of=samples, cost_of=samples, budget=self._budget)


class LogMelEmbedder(MelEmbedder):
    """Mean and standard deviation of 128 log-mel bands over a window, or over a whole clip for scenes."""

    def __init__(self, spec: EmbeddingSpec, *, device: str = "cpu", weights: None = None) -> None:
        super().__init__(spec, device, dict.fromkeys(LEVELS, MEL_BANDS))

    def level(self, name: str, mels: Tensor) -> Tensor:
        return mels.mean(-1) if name == "mean" else mels.std(-1, correction=0)


def samples(view: Rows) -> int:
    """The samples of each window."""
    return cast(Windows, view).samples
