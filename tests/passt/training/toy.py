"""Small trainings for tests: short clips of tones and noise, networks of width 32."""

from dataclasses import dataclass

import torch
from torch import Tensor

from passt.training.recipe import Recipe

SAMPLES = 12800  # 40 frames: 3 columns of patches
LABELS = ("low", "middle", "high", "noise")
PLAIN = {
    "gain_db": 0,
    "roll_samples": 0,
    "mixup_rate": 0,
    "mel_mixup_alpha": 0,
    "frequency_mask": 0,
    "time_mask": 0,
    "fmin_jitter": 0,
    "fmax_jitter": 0,
}
"""No augmentations."""


@dataclass(frozen=True)
class Tones:
    """Clips without an end, `distinct` of them over and over; clip i is the same in batches of every size."""

    distinct: int = 10
    labels: tuple[str, ...] = LABELS
    sample_rate: int = 32000
    samples: int = SAMPLES

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        audio, labels = zip(
            *(self._clip(i % self.distinct) for i in range(index * size, (index + 1) * size)), strict=True
        )
        return torch.stack(audio), torch.stack(labels)

    def _clip(self, number: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(number)
        label = (torch.rand(4, generator=generator) < 0.4).float()
        time = torch.arange(self.samples) / self.sample_rate
        audio = 0.01 * torch.randn(self.samples, generator=generator)
        for there, frequency in zip(label[:3], (300, 1500, 6000), strict=True):
            pitch = frequency * (1 + 0.1 * torch.rand((), generator=generator))
            audio += 0.2 * there * torch.sin(2 * torch.pi * pitch * time)
        return audio + 0.1 * label[3] * torch.randn(self.samples, generator=generator), label


def recipe(**changes) -> Recipe:
    """A few steps of a tiny network; `changes` are keys of a recipe."""
    return Recipe.from_dict(
        {
            "name": "toy",
            "steps": 6,
            "batch": 4,
            "micro_batch": 2,
            "lr": 1e-3,
            "architecture": {"width": 32, "heads": 2, "depth": 2, "n_frames": 50},
            "patchout": {"rows": 2, "columns": 1},
            "log_every": 1,
            **changes,
        }
    )
