"""Good inputs that campaigns change or attack: sounds, a task, a run, an embedding folder, an archive, weights."""

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import yaml

from ablations.cli import main as ablate
from passt import EmbeddingSpec, PasstEmbedder
from tests.campaigns.children import attempt

RATE = 16000  # Hz
SUFFIXES = ("wav", "flac", "ogg", "mp3", "aiff", "w64", "caf", "au")


@dataclass(frozen=True)
class Good:
    """The good inputs that are changed, in one folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Good":
        """Write sounds, a task, a run, an embedding folder, an archive and a file of weights."""
        folder.mkdir(parents=True)
        draw = np.random.default_rng(0)
        rows = []
        for number in range(12):
            tone = 0.3 * np.sin(2 * np.pi * (300, 1500)[number % 2] * np.arange(RATE // 2) / RATE)
            soundfile.write(folder / f"{number}.wav", tone + 0.01 * draw.standard_normal(len(tone)), RATE)
            rows.append(f"{number}.wav,{('low', 'high')[number % 2]},r{number // 2}")
        (folder / "list.csv").write_text("\n".join(["file,label,recording", *rows]) + "\n")
        for suffix in SUFFIXES:
            sound, _ = soundfile.read(folder / "0.wav")
            soundfile.write(folder / f"sound.{suffix}", sound, RATE, format=suffix.upper())
        _command("prepare", folder / "list.csv", "--out", folder / "tones-v1", "--folds", "3")
        study = {"name": "good", "models": [{"checkpoint": "logmel"}], "tasks": [str(folder / "tones-v1")]}
        (folder / "good.yaml").write_text(yaml.safe_dump(study | {"protocol": "hear2021+grid1+linear"}))
        _command("run", folder / "good.yaml", "--runs", folder / "runs", "--store", folder / "store")
        _command("export", "logmel", folder / "tones-v1", "--out", folder / "kit", "--store", folder / "store")
        with tarfile.open(folder / "tones.tar.gz", "w:gz") as archive:
            archive.add(folder / "tones-v1", "tasks/tones-v1")
        spec = EmbeddingSpec("passt_demo", levels=("features",), weights="untrained-0")
        torch.save(PasstEmbedder(spec, device="cpu").net.state_dict(), folder / "weights.pt")
        return cls(folder)


def _command(*arguments: Any) -> None:
    """Run a command of `ablate` that must succeed."""
    ablate([str(argument) for argument in arguments], standalone_mode=False)


def made_good(work: Path) -> Good:
    """Make the good inputs in a folder `good`, in a process of their own."""
    torch.set_num_threads(1)
    ending = attempt(lambda: Good.make(work / "good"), work / "log", 300)
    if ending.kind != "taken":
        raise ValueError(f"the good inputs were not made: {ending.output[-500:]}")
    return Good(work / "good")
