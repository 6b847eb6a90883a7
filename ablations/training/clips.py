"""Lists of labeled files as training clips.

Lists are CSV files of names and labels; audio is in folders or tar files.
"""

import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ablations.inputs.lists import SEPARATOR, read_lines, read_vocabulary, split_labels
from downstream.disk.memory import check_memory
from downstream.tasks.audio import read_sound, resample


@dataclass(frozen=True)
class LabeledFiles:
    """A list of labeled files.

    Attributes:
        path: the CSV file that it was read from.
        files: names of the files.
        labels: labels of each file.
    """

    path: Path
    files: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]

    @classmethod
    def load(cls, path: Path, separator: str = SEPARATOR) -> "LabeledFiles":
        """Read a CSV file with the columns `file` and `labels`.

        Args:
            path: the CSV file.
            separator: text between the labels of a file. If it is a comma, the column must be quoted.

        Raises:
            FileNotFoundError: the file is absent.
            ValueError: the list is not valid. The message names the list and the line.
        """
        rows = read_lines(path, ("file", "labels"))
        if not rows:
            raise ValueError(f"{path}: must name at least one file, got none")
        lines: dict[str, int] = {}
        for line, row in rows:
            file = row["file"].strip()
            if not file:
                raise ValueError(f"{path}: line {line}: file must not be empty")
            if file in lines:
                raise ValueError(f"{path}: line {line}: {file} is there already, in line {lines[file]}")
            lines[file] = line
        labels = (split_labels(row["labels"], separator) for _, row in rows)
        return cls(path, tuple(lines), tuple(labels))

    def targets(self, vocabulary: Sequence[str]) -> np.ndarray:
        """Convert the labels to 0 and 1: (files, labels), in the order of the vocabulary.

        Raises:
            ValueError: the vocabulary lacks a label. The message names the file and the label.
        """
        places = {label: i for i, label in enumerate(vocabulary)}
        targets = np.zeros((len(self.files), len(vocabulary)), dtype=np.uint8)
        for row, (file, labels) in enumerate(zip(self.files, self.labels, strict=True)):
            for label in labels:
                if label not in places:
                    raise ValueError(f"{self.path}: {file}: label {label!r} is none of the {len(places)} there are")
                targets[row, places[label]] = 1
        return targets


def vocabulary(path: Path | None, training: LabeledFiles) -> tuple[str, ...]:
    """List the labels of a training, in order.

    They are the column `label` or `mid` of a CSV file, else the labels of the list, sorted.

    Args:
        path: the CSV file, if there is one.
        training: the list of training files.

    Raises:
        FileNotFoundError: the file is absent.
        ValueError: the file has no such column, or there are no labels.
    """
    if path is not None:
        return read_vocabulary(path)
    labels = tuple(sorted({label for labels in training.labels for label in labels}))
    if not labels:
        raise ValueError(f"{training.path}: must have at least one label, got none")
    return labels


class Member(NamedTuple):
    """A member of an uncompressed tar file.

    It has the tar file, and the position and the size of its content in bytes.
    """

    shard: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Places:
    """Where audio is looked up by name.

    Attributes:
        folders: folders, which are searched first.
        members: members of tar files by name.
    """

    folders: tuple[Path, ...]
    members: Mapping[str, Member]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Places":
        """Index folders and uncompressed tar files. If several have a name, the first one counts.

        Raises:
            FileNotFoundError: a path is absent.
            ValueError: a file is not an uncompressed tar file.
        """
        folders: list[Path] = []
        members: dict[str, Member] = {}
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
                        members.setdefault(name, Member(path, member.offset_data, member.size))
            except tarfile.TarError as error:
                raise ValueError(f"{path}: not an uncompressed tar file: {error}") from None
        return cls(tuple(folders), members)

    def read(self, name: str, sample_rate: int) -> np.ndarray:
        """Read a file: (samples,), float32, mono, resampled to `sample_rate` Hz.

        Raises:
            FileNotFoundError: no folder or tar file has the name.
            ValueError: the file is not valid audio.
        """
        for folder in self.folders:
            if (folder / name).is_file():
                return resample(*read_sound(folder / name), sample_rate)
        if name not in self.members:
            raise FileNotFoundError(f"{name}: in none of the folders and tar files")
        member = self.members[name]
        check_memory(f"{member.shard}: {name}", member.size)
        with member.shard.open("rb") as shard:
            shard.seek(member.offset)
            content = shard.read(member.size)
        return resample(*read_sound(member.shard / name, content), sample_rate)
