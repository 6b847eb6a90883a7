"""Worked examples of lists: two public archives, whose file names say label, fold and recording.

python -m ablations.prepare.examples NAME ARCHIVE.zip FOLDER unpacks the clips of

esc10: ESC-10 (K. J. Piczak, 2015, CC BY 3.0), 400 clips of 5 s, 10 classes, folds by the first digit of a name;
fsdd: the Free Spoken Digit Dataset (Z. Jackson and others, CC BY-SA 4.0), 3000 clips, 10 classes; a fold is a speaker;

to FOLDER and writes FOLDER/list.csv, of which `ablate prepare FOLDER/list.csv --out TASKS/NAME-v1` makes the task.
"""

import csv
import io
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from downstream.files import write_atomically

COLUMNS = ("file", "label", "fold", "recording")
NAMES: Mapping[str, re.Pattern] = {
    "esc10": re.compile(
        r"(?:.*/)?\d+ - (?P<label>[^/]+)/(?P<file>(?P<fold>[1-5])-(?P<recording>\d+)-[A-Z](?:\d*)\.(?:ogg|wav))"
    ),
    "fsdd": re.compile(r"(?:.*/)?recordings/(?P<file>(?P<label>\d)_(?P<fold>(?P<recording>[a-z]+))_\d+\.wav)"),
}


def unpack(name: str, archive: Path, folder: Path) -> Path:
    """Unpack an archive's clips and write their list, whose path is returned.

    Raises:
        FileNotFoundError, ValueError: for an unknown name, no archive, or one without such clips.
    """
    if name not in NAMES:
        raise ValueError(f"unknown example {name!r}, expected one of {', '.join(NAMES)}")
    if not zipfile.is_zipfile(archive):
        raise ValueError(f"{archive}: no zip archive")
    with zipfile.ZipFile(archive) as opened:
        clips = [found for member in sorted(opened.namelist()) if (found := NAMES[name].fullmatch(member))]
        if not clips:
            raise ValueError(f"{archive}: holds no clips named as those of {name}")
        for clip in clips:
            content = opened.read(clip.string)
            write_atomically(folder / clip["file"], lambda file, content=content: file.write(content))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *([clip[name] for name in COLUMNS] for clip in clips)])
    write_atomically(folder / "list.csv", lambda file: file.write(text.getvalue().encode()))
    return folder / "list.csv"


if __name__ == "__main__":
    sys.stdout.write(f"{unpack(sys.argv[1], *map(Path, sys.argv[2:4]))}\n")
