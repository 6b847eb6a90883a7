"""Two public archives whose file names tell label, fold and recording."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ablations.tasks.examples.clips import Clips
from passt.catalog.choices import choices
from passt.fetch.download import fetch
from passt.fetch.transfer import Track, silent

COLUMNS = ("label", "fold", "recording")


@dataclass(frozen=True)
class Archive:
    """A zip archive of clips.

    Attributes:
        url: where it is published.
        clip: matches the path of a clip; its groups are `file` and those of `COLUMNS`.
    """

    url: str
    clip: re.Pattern[str]


ARCHIVES: Mapping[str, Archive] = {
    # ESC-10 (K. J. Piczak, 2015, CC BY 3.0): 400 clips of 5 s, 10 classes; the first digit of a name is the fold
    "esc10": Archive(
        "https://github.com/karolpiczak/ESC-10/archive/master.zip",
        re.compile(
            r"(?:.*/)?\d+ - (?P<label>[^/]+)/(?P<file>(?P<fold>[1-5])-(?P<recording>\d+)-[A-Z](?:\d*)\.(?:ogg|wav))"
        ),
    ),
    # Free Spoken Digit Dataset (Z. Jackson and others, CC BY-SA 4.0): 3000 clips, 10 classes; a fold is a speaker
    "fsdd": Archive(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/master.zip",
        re.compile(r"(?:.*/)?recordings/(?P<file>(?P<label>\d)_(?P<fold>(?P<recording>[a-z]+))_\d+\.wav)"),
    ),
}


def unpack(name: str, archive: Path, folder: Path) -> Path:
    """Unpack the clips of an archive, and return the path of their list.

    Args:
        name: a key of `ARCHIVES`.
        archive: the zip file.
        folder: where the clips and the list go.

    Raises:
        FileNotFoundError, ValueError: the name is unknown, or the file is not this archive.
    """
    clips = Clips(folder)
    for clip, content in members(name, archive):
        clips.add_file(clip["file"], content, {column: clip[column] for column in COLUMNS})
    return clips.write_list()


def members(name: str, archive: Path) -> Iterator[tuple[re.Match[str], bytes]]:
    """Read the clips of an archive, sorted by their paths.

    Yields the match of the path, and the content of the file.

    Raises:
        FileNotFoundError, ValueError: as `unpack`.
    """
    if name not in ARCHIVES:
        raise ValueError(f"unknown example {name!r}{choices(name, ARCHIVES)}")
    if reason := not_that_archive(name, archive):
        raise ValueError(f"{archive}: {reason}")
    with zipfile.ZipFile(archive) as file:
        for clip in _clips(name, file):
            yield clip, file.read(clip.string)


def not_that_archive(name: str, path: Path) -> str | None:
    """The reason why a file is not the archive of that name; None if it is.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.exists():
        raise FileNotFoundError(f"no archive of {name} at {path}")
    if not zipfile.is_zipfile(path):
        return "no zip archive"
    with zipfile.ZipFile(path) as file:
        return None if _clips(name, file) else f"holds no clips named as those of {name}"


def fetched(name: str, folder: Path, track: Track = silent) -> Path:
    """The path of an archive in a folder, after fetching it if it is absent.

    Raises:
        OSError, ValueError: it can't be fetched; the message has its address and where to put it.
    """
    return fetch(
        ARCHIVES[name].url,
        folder / f"{name}.zip",
        accept=lambda path: not_that_archive(name, path),
        track=track,
        instead=f"or name it by --{name}",
    )


def _clips(name: str, file: zipfile.ZipFile) -> list[re.Match[str]]:
    matches = (ARCHIVES[name].clip.fullmatch(path) for path in sorted(file.namelist()))
    return [match for match in matches if match]
