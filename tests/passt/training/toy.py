"""Small trainings for tests: short clips of tones and noise, networks of width 32."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from passt.training.declared.recipe import Recipe
from passt.training.train import Result, train

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


EVERY_PART = {"averaging": {"start": 4, "every": 3}, "steps": 12, "evaluation_clips": 6, "evaluate_every": 5}
"""Keys of a recipe that does all there is."""
ROUNDING = 2e-6  # of weights of about 0.02 to 1, after a few steps of lr 1e-3


def run(folder: Path, source: Tones | None = None, evaluation: Tones | None = None, **changes: Any) -> Result:
    """Train; `changes` are keys of the recipe, and arguments of `train`."""
    options = {name: changes.pop(name) for name in ("student", "teacher", "workers") if name in changes}
    clips = source or Tones(), evaluation or Tones(distinct=6)
    return train(recipe(**{"evaluation_clips": 6, **changes}), *clips, folder, **options)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "weights.safetensors")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert torch.equal(found[name], wanted[name]), name


def assert_close(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        kept = torch.ones_like(wanted[name])
        if name.endswith("qkv.bias"):  # the keys' has no gradient but rounding, which Adam makes as large as any
            kept[32:64] = 0
        assert torch.allclose(found[name] * kept, wanted[name] * kept, rtol=0, atol=ROUNDING), name
