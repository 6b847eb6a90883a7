"""The inputs of an encoder: every window by itself through the library's own feature extractor."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.models.hf.library import silent

FRAME_MS = 10  # between the frames of a spectrogram whose length is counted in frames
MASK = "attention_mask"


class Inputs:
    """Makes inputs of windows.

    A window never depends on others: extractors of the library pad to the longest of a batch, and CLAP's even marks one
    of a batch at random.

    Args:
        extractor: of the library.
        names: of the inputs that the network takes.

    Attributes:
        sample_rate: in Hz.
        padded_to: samples that every window is padded to, as the model was trained; None if windows are taken as they
            are.
    """

    def __init__(self, extractor: Any, names: frozenset[str]) -> None:
        self.extractor, self.names = extractor, names
        self.sample_rate: int = extractor.sampling_rate
        self.padded_to = _padded_to(extractor)

    def of_windows(self, windows: np.ndarray) -> dict[str, Tensor]:
        """Make the inputs of windows of equal length.

        Args:
            windows: (rows, samples).

        Returns:
            Tensors by name, a row for each window. A mask that hides nothing is left out.
        """
        with silent():
            rows = [self.extractor(row, sampling_rate=self.sample_rate, return_tensors="pt") for row in windows]
        inputs = {name: torch.cat([row[name] for row in rows]) for name in rows[0] if name in self.names}
        if MASK in inputs and bool(inputs[MASK].all()):
            del inputs[MASK]
        return {name: value.float() if value.is_floating_point() else value for name, value in inputs.items()}


def _padded_to(extractor: Any) -> int | None:
    """The length of a spectrogram that never changes, in samples."""
    for name in ("n_samples", "nb_max_samples"):
        if isinstance(samples := getattr(extractor, name, None), int):
            return samples
    kind, frames = type(extractor).__name__, getattr(extractor, "max_length", None)
    if kind == "ASTFeatureExtractor" and isinstance(frames, int):
        return frames * FRAME_MS * int(extractor.sampling_rate) // 1000
    return None
