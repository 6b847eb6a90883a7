"""Two public archives, whose file names say label, fold and recording.

esc10: ESC-10 (K. J. Piczak, 2015, CC BY 3.0), 400 clips of 5 s, 10 classes, folds by the first digit of a name;
fsdd: the Free Spoken Digit Dataset (Z. Jackson and others, CC BY-SA 4.0), 3000 clips, 10 classes; a fold is a speaker.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ablations.tasks.examples.clips import Clips
from passt.fetch.download import fetch
from passt.fetch.transfer import Track, silent

COLUMNS = ("label", "fold", "recording")
NAMES: Mapping[str, re.Pattern] = {
    "esc10": re.compile(
        r"(?:.*/)?\d+ - (?P<label>[^/]+)/(?P<file>(?P<fold>[1-5])-(?P<recording>\d+)-[A-Z](?:\d*)\.(?:ogg|wav))"
    ),
    "fsdd": re.compile(r"(?:.*/)?recordings/(?P<file>(?P<label>\d)_(?P<fold>(?P<recording>[a-z]+))_\d+\.wav)"),
}
ADDRESSES: Mapping[str, str] = {
    "esc10": "https://github.com/karolpiczak/ESC-10/archive/master.zip",
    "fsdd": "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/master.zip",
}


def unpack(name: str, archive: Path, folder: Path) -> Path:
    """Unpack an archive's clips and write their list, whose path is returned.

    Raises:
        FileNotFoundError, ValueError: for an unknown name, no archive, or one without such clips.
    """
    made = Clips(folder)
    for clip, content in members(name, archive):
        made.add_file(clip["file"], content, **{column: clip[column] for column in COLUMNS})
    return made.write_list()


def members(name: str, archive: Path) -> Iterator[tuple[re.Match, bytes]]:
    """An archive's clips in the order of their names: what each name says, and the file.

    Raises:
        FileNotFoundError, ValueError: as `unpack`.
    """
    if name not in NAMES:
        raise ValueError(f"unknown example {name!r}, expected one of {', '.join(NAMES)}")
    if wrong := not_that_archive(name, archive):
        raise ValueError(f"{archive}: {wrong}")
    with zipfile.ZipFile(archive) as opened:
        for clip in _clips(name, opened):
            yield clip, opened.read(clip.string)


def not_that_archive(name: str, path: Path) -> str | None:
    """Why a file is not the archive of that name; None where it is.

    Raises:
        FileNotFoundError: there is none.
    """
    if not path.exists():
        raise FileNotFoundError(f"no archive of {name} at {path}")
    if not zipfile.is_zipfile(path):
        return "no zip archive"
    with zipfile.ZipFile(path) as opened:
        return None if _clips(name, opened) else f"holds no clips named as those of {name}"


def fetched(name: str, folder: Path, track: Track = silent) -> Path:
    """The archive of that name in a folder, fetched where it is absent.

    Raises:
        OSError, ValueError: it can't be had; one line with its address and where to put it.
    """
    place = folder / f"{name}.zip"
    instead = f"or name it by --{name}"
    return fetch(ADDRESSES[name], place, accept=lambda came: not_that_archive(name, came), track=track, instead=instead)


def _clips(name: str, opened: zipfile.ZipFile) -> list[re.Match]:
    return [found for member in sorted(opened.namelist()) if (found := NAMES[name].fullmatch(member))]
