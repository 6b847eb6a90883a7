"""Any audio files as input: which ones, where what is made of each goes, and their sound at a model's rate."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ablations.inputs.audio_folders import audio_in
from downstream.disk.files import absolute
from downstream.sound.decode import read_header
from downstream.tasks.audio import read_sound, resample


@dataclass(frozen=True, order=True)
class Source:
    """An audio file, and where what is made of it goes."""

    path: Path
    output: Path

    def seconds(self) -> float:
        """Its length, from its header.

        Raises:
            FileNotFoundError, ValueError: name what is absent or no audio.
        """
        if self.path.is_dir():
            raise ValueError(f"{self.path}: a folder without audio files")
        return read_header(self.path).duration

    def digest(self) -> str:
        """SHA-256 of its bytes, in hex."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def load(self, sample_rate: int) -> tuple[Tensor, float]:
        """Its sound, mixed down and resampled: (samples,) float32 at `sample_rate`, and its length in seconds.

        Raises:
            ValueError: names the file: what `downstream.sound.decode` refuses.
        """
        clip, rate = read_sound(self.path)
        return torch.from_numpy(resample(clip, rate, sample_rate)), len(clip) / rate


def find_sources(files: Iterable[str | Path], out: Path, suffix: str = ".npz") -> list[Source]:
    """Each audio file once, folders searched (`audio_folders`), with outputs that are all different.

    Two names of one content, as links make them, are two files.

    Args:
        files: audio files, and folders to search for them. What is absent is found too, and fails when it is opened.
        out: a folder for <name><suffix>; or, for one file, a path that ends in the suffix. What was found in a folder
            keeps its path from there; names that would be equal get more of their paths.

    Raises:
        ValueError: for no files, or several of them and an `out` for one.
    """
    found: dict[Path, tuple[Path, Path]] = {}  # path from the root -> (path, name of the output)
    for path in map(Path, files):
        inside = audio_in(path) if path.is_dir() else []
        for file in inside or [path]:
            found.setdefault(absolute(file), (file, file.relative_to(path) if inside else Path(file.name)))
    if not found:
        raise ValueError("files: expected at least one audio file or folder, got none")
    paths = [path for path, _ in found.values()]
    if out.suffix == suffix:
        if len(paths) > 1:
            raise ValueError(f"out must be a folder for {len(paths)} files, got {out}")
        return [Source(paths[0], out)]
    names = _distinct(paths, [name for _, name in found.values()])
    return [Source(path, out / f"{name}{suffix}") for path, name in zip(paths, names, strict=True)]


def _distinct(paths: Sequence[Path], names: Sequence[Path]) -> list[Path]:
    """The names, those that are equal with as much more of their paths as it takes."""
    found = list(names)
    whole = [absolute(path).parts[1:] for path in paths]
    while twice := {name for name, count in Counter(found).items() if count > 1}:
        longer = [Path(*parts[-len(name.parts) - 1 :]) for parts, name in zip(whole, found, strict=True)]
        found = [more if name in twice else name for name, more in zip(found, longer, strict=True)]
    return found
