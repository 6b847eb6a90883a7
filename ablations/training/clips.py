"""Lists of labelled files as training clips: a CSV of files and labels, audio in folders or tar shards."""

import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ablations.inputs.lists import SEPARATOR, read_lines, read_vocabulary, split_labels
from downstream.disk.memory import check_memory
from downstream.tasks.audio import read_sound, resample


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
            FileNotFoundError, ValueError: name the list, the line, and what is wrong there.
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
            FileNotFoundError, ValueError: name the file: absent, or what `downstream.sound.decode` refuses.
        """
        for folder in self.folders:
            if (folder / name).is_file():
                return resample(*read_sound(folder / name), sample_rate)
        if name not in self.members:
            raise FileNotFoundError(f"{name}: in none of the folders and tar files")
        path, offset, size = self.members[name]
        check_memory(f"{path}: {name}", size)
        with path.open("rb") as shard:
            shard.seek(offset)
            content = shard.read(size)
        return resample(*read_sound(path / name, content), sample_rate)
