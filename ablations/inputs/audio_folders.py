"""The audio files in a folder, under the names that they have there: links to files and folders are followed."""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import soundfile

from downstream.sound.containers import begins_as_audio

SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} - {".raw"} | {
    *(".wave", ".bwf", ".bw64"),
    *(".aif", ".aifc", ".snd", ".8svx"),
    *(".sph", ".sf"),  # NIST SPHERE, IRCAM
    *(".oga", ".opus"),
    *(".mp1", ".mp2", ".mpa"),
}
OTHERS = {  # of sound that libsndfile does not read, unless a file holds something else than its name says
    *(".m4a", ".m4b", ".m4p", ".mp4", ".aac", ".adts", ".3gp", ".3gpp", ".3ga", ".3g2", ".amr", ".awb"),
    *(".wma", ".asf", ".ac3", ".eac3", ".ec3", ".dts", ".ra", ".ram", ".rm", ".qcp"),
    *(".webm", ".weba", ".mka", ".ape", ".wv", ".tta", ".tak", ".ofr", ".shn", ".mpc", ".mpga"),
    *(".dsf", ".dff", ".gsm", ".g722", ".g729", ".vox", ".pcm", ".raw"),
}
SYSTEM = "__MACOSX"  # a folder of AppleDouble files, in archives that macOS made

logger = logging.getLogger(__name__)


def audio_in(folder: Path) -> list[Path]:
    """The audio files in a folder and the folders in it, sorted; what only looks like audio is counted in the log.

    Hidden files and folders are left out, and folders inside themselves (loops of links). A link that leads nowhere is
    taken for the file that it should be.
    """
    found, left_out = [], []
    for path in _files(folder, frozenset()):
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            found.append(path)
        elif suffix in OTHERS or not suffix:
            if (begins := _begins_as_audio(path)) and suffix:
                found.append(path)
            elif begins or suffix:
                left_out.append(path)
    if left_out:
        counts = Counter(path.suffix.lower() or "no suffix" for path in left_out)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        text = "%s: %d files left out that look like audio, but have no suffix of what libsndfile reads (%s): %s ..."
        logger.warning(text, folder, len(left_out), kinds, min(left_out))
    return sorted(found)


def _files(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Files, and links that lead nowhere; `above` are the folders on the way, by device and inode."""
    try:
        entries = list(os.scandir(folder))
        about = folder.stat()
    except OSError as error:
        logger.warning("%s: a folder that can't be searched: %s", folder, error.strerror)
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name == SYSTEM:
            continue
        if path.is_dir():
            inside = above | {(about.st_dev, about.st_ino)}
            if _identity(path) not in inside:
                yield from _files(path, inside)
        elif path.is_file() or path.is_symlink():
            yield path


def _identity(folder: Path) -> tuple[int, int]:
    about = folder.stat()
    return about.st_dev, about.st_ino


def _begins_as_audio(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return begins_as_audio(file.read(12))
    except OSError:
        return False
