"""Lists of labelled files as training clips: a CSV of files and labels, audio in folders or tar shards."""

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ablations.lists import SEPARATOR, read_list, read_vocabulary, split_labels
from downstream.audio import read_pieces, resample
from downstream.files import read_whole


@dataclass(frozen=True)
class Labelled:
    """A list of files and the labels of each, from the CSV file `path`."""

    path: Path
    files: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]

    @classmethod
    def load(cls, path: Path, separator: str = SEPARATOR) -> "Labelled":
        """Columns `file` and `labels`, the latter of labels between separators (quoted where these are commas).

        Raises:
            FileNotFoundError, ValueError: name the file and what it lacks.
        """
        rows = read_list(path, ("file", "labels"))
        if not rows:
            raise ValueError(f"{path}: must name at least one file, got none")
        labels = (split_labels(row["labels"], separator) for row in rows)
        return cls(path, tuple(row["file"] for row in rows), tuple(labels))

    def targets(self, vocabulary: Sequence[str]) -> np.ndarray:
        """(files, labels) of 0 and 1.

        Raises:
            ValueError: a label that the vocabulary lacks; names file and label.
        """
        places = {label: i for i, label in enumerate(vocabulary)}
        found = np.zeros((len(self.files), len(vocabulary)), dtype=np.uint8)
        for row, (file, labels) in enumerate(zip(self.files, self.labels, strict=True)):
            for label in labels:
                if label not in places:
                    raise ValueError(f"{self.path}: {file}: label {label!r} is none of the {len(places)} there are")
                found[row, places[label]] = 1
        return found


def vocabulary(path: Path | None, training: Labelled) -> tuple[str, ...]:
    """The labels in their order: a CSV file's column `label` or `mid`, else those of the training list, sorted.

    Raises:
        FileNotFoundError, ValueError: name the file and what it lacks.
    """
    found = tuple(sorted({label for labels in training.labels for label in labels}))
    if path is None and not found:
        raise ValueError(f"{training.path}: must have at least one label, got none")
    return found if path is None else read_vocabulary(path)


@dataclass(frozen=True)
class Places:
    """Where audio is found by name: folders, and members of tar files by (file, offset, bytes)."""

    folders: tuple[Path, ...]
    members: Mapping[str, tuple[Path, int, int]]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Places":
        """Folders and uncompressed tar files; the first one that has a name counts.

        Raises:
            FileNotFoundError, ValueError: name what is neither.
        """
        folders, members = [], {}
        for path in paths:
            if path.is_dir():
                folders.append(path)
                continue
            if not path.is_file():
                raise FileNotFoundError(f"no folder or tar file of audio at {path}")
            try:
                with tarfile.open(path, "r:") as shard:
                    for member in filter(tarfile.TarInfo.isfile, shard):
                        name = member.name.removeprefix("./")
                        members.setdefault(name, (path, member.offset_data, member.size))
            except tarfile.TarError as error:
                raise ValueError(f"{path}: not an uncompressed tar file: {error}") from None
        return cls(tuple(folders), members)

    def read(self, name: str, sample_rate: int) -> np.ndarray:
        """A file's sound: (samples,) float32 at that rate, mono.

        Raises:
            FileNotFoundError, ValueError: name the file: absent, not audio, empty, not finite.
        """
        try:
            samples, rate = read_pieces(io.BytesIO(self._bytes(name)), name)
        except (soundfile.LibsndfileError, TypeError) as error:
            raise ValueError(f"{name}: not readable as audio: {str(error).split(': ')[-1]}") from None
        if not len(samples) or not np.isfinite(samples).all():
            raise ValueError(f"{name}: {'0' if not len(samples) else 'NaN or infinite'} samples")
        mono = samples.mean(axis=1)
        return resample(mono, rate, sample_rate)

    def _bytes(self, name: str) -> bytes:
        for folder in self.folders:
            if (folder / name).is_file():
                return read_whole(folder / name)
        if name not in self.members:
            raise FileNotFoundError(f"{name}: in none of the folders and tar files")
        path, offset, size = self.members[name]
        with path.open("rb") as shard:
            shard.seek(offset)
            return shard.read(size)
