"""Find the audio files in a folder.

Links to files and folders are followed, and names are not resolved.
"""

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
OTHERS = {  # formats that libsndfile does not read; a file may hold another one than its name says
    *(".m4a", ".m4b", ".m4p", ".mp4", ".aac", ".adts", ".3gp", ".3gpp", ".3ga", ".3g2", ".amr", ".awb"),
    *(".wma", ".asf", ".ac3", ".eac3", ".ec3", ".dts", ".ra", ".ram", ".rm", ".qcp"),
    *(".webm", ".weba", ".mka", ".ape", ".wv", ".tta", ".tak", ".ofr", ".shn", ".mpc", ".mpga"),
    *(".dsf", ".dff", ".gsm", ".g722", ".g729", ".vox", ".pcm", ".raw"),
}
SYSTEM = "__MACOSX"  # folder of AppleDouble files in archives made by macOS

logger = logging.getLogger(__name__)


def audio_in(folder: Path) -> list[Path]:
    """List the audio files in a folder and its subfolders, sorted.

    Hidden files and folders are skipped, and so are folders inside themselves (loops of links). A link that leads
    nowhere counts as the file that its name says. The log counts files that look like audio and can't be read.
    """
    files, left_out = [], []
    for path in _files(folder, frozenset()):
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            files.append(path)
        elif suffix in OTHERS or not suffix:
            if (is_audio := _begins_as_audio(path)) and suffix:
                files.append(path)
            elif is_audio or suffix:
                left_out.append(path)
    if left_out:
        counts = Counter(path.suffix.lower() or "no suffix" for path in left_out)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        text = "%s: %d files left out that look like audio, but have no suffix of what libsndfile reads (%s): %s ..."
        logger.warning(text, folder, len(left_out), kinds, min(left_out))
    return sorted(files)


def _files(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Yield files, and links that lead nowhere.

    Args:
        folder: where to look.
        above: device and inode of the folders on the way.
    """
    try:
        entries = list(os.scandir(folder))
        inside = above | {_identity(folder)}
    except OSError as error:
        logger.warning("%s: a folder that can't be searched: %s", folder, error.strerror)
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name == SYSTEM:
            continue
        if path.is_dir():
            if _identity(path) not in inside:
                yield from _files(path, inside)
        elif path.is_file() or path.is_symlink():
            yield path


def _identity(folder: Path) -> tuple[int, int]:
    """Device and inode."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _begins_as_audio(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return begins_as_audio(file.read(12))
    except OSError:
        return False
