"""The public archives of the HEAR tasks: list, fetch and unpack them.

Record 6332517 of DOI 10.5281/zenodo.5885750: all tasks at 48 kHz (https://hearbenchmark.com/hear-tasks.html).
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from downstream.tasks.archive import complete, staging, unpack, wrong_start
from downstream.tasks.rates import add_rate
from downstream.tasks.task import Task
from passt.catalog.choices import choices
from passt.fetch.download import fetch, offline, other_md5
from passt.fetch.files import locked
from passt.fetch.transfer import Track, Unreachable, silent, size_of
from results.rows.rows import task_table

RECORD = "https://zenodo.org/records/6332517"
MD5 = {  # source: embeddings-benchmark/mteb, scripts/data/beehive/create_data.py
    "hear2021-beehive_states_fold0-v2-full-48000.tar.gz": "f9e045f9b2ddf5643edc1143304c80aa",
    "hear2021-beehive_states_fold1-v2-full-48000.tar.gz": "8bced7ce8336bf23fd61c61f04aee109",
}


@dataclass(frozen=True)
class Archive:
    """The public archive of a task folder.

    Attributes:
        key: the key of the HEAR task.
        folder: name of the task folder.
        file: name of the archive.
        seen: whether that name was seen in public; otherwise it follows the pattern of the others.
    """

    key: str
    folder: str
    file: str
    seen: bool

    def url(self, mirror: str | None = None) -> str:
        """Its address in the public record, or below another address.

        Raises:
            ValueError: the other address is neither http nor https.
        """
        if mirror:
            if urlsplit(mirror).scheme not in ("http", "https"):
                raise ValueError(f"the address of archives must be http or https, got {mirror!r}")
            return f"{mirror.rstrip('/')}/{quote(self.file)}"
        return f"{RECORD}/files/{quote(self.file)}?download=1"


def archives(key: str) -> tuple[Archive, ...]:
    """The archives of a HEAR task, one for each of its folders.

    Raises:
        ValueError: the task is unknown; the message suggests the closest ones.
    """
    table = task_table()
    if key not in table.index:
        raise ValueError(f"unknown HEAR task {key!r}{choices(key, table.index, listed_by='`ablate tasks`')}")
    row = table.loc[key]
    pairs = zip(row["hear_folders"].split(), row["archive_48k"].split(), strict=True)
    return tuple(Archive(key, folder, file, row["archive_name_seen"] == "yes") for folder, file in pairs)


def need(needed: Iterable[Archive], tasks: Path, mirror: str | None = None) -> str | None:
    """Say in one line how much has to be fetched, and how much space is free.

    Args:
        needed: the archives of the tasks.
        tasks: the folder of task folders and archives.
        mirror: address of the archives; None for the public record.

    Returns:
        The line; None if nothing is missing, or the server can't be asked.

    Raises:
        OSError: the free space is too small.
    """
    missing = [
        archive for archive in needed if not (tasks / archive.folder).is_dir() and not (tasks / archive.file).is_file()
    ]
    sizes = {} if offline() else _sizes(missing, mirror)
    if not sizes:
        return None
    parts = (tasks / f"{archive.file}.part" for archive in missing)
    fetched = sum(part.stat().st_size for part in parts if part.is_file())
    place = next(folder for folder in (tasks, *tasks.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    text = f"To fetch: {sum(sizes.values()) / 1e6:.1f} MB in {len(sizes)} archive{'s' * (len(sizes) > 1)}"
    text += f", {fetched / 1e6:.1f} MB of them there" * bool(fetched)
    text += f", and {len(missing) - len(sizes)} of unknown size" * (len(sizes) < len(missing))
    text += f"; unpacked folders come on top; {free / 1e6:.1f} MB are free in {tasks}"
    if sum(sizes.values()) - fetched > free:
        raise OSError(f"no space: {text}")
    return text


def _sizes(archives: Iterable[Archive], mirror: str | None) -> dict[Archive, int]:
    """The sizes in bytes of those archives whose server tells them."""
    sizes = {}
    for archive in archives:
        try:
            size = size_of(archive.url(mirror))
        except OSError as error:  # fetching raises it again, with advice
            if isinstance(error.__cause__, Unreachable):
                break
            continue
        if size is not None:
            sizes[archive] = size
    return sizes


def task_folder(
    archive: Archive,
    tasks: Path,
    *,
    rates: Sequence[int] = (),
    mirror: str | None = None,
    delete: bool = False,
    workers: int | None = None,
    track: Track = silent,
) -> Task:
    """Make the task folder from its archive, which is fetched if it is absent.

    A call goes on where one before was stopped, and waits for another process at the same folder.

    Args:
        archive: the archive.
        tasks: the folder of task folders and archives.
        rates: further sample rates of the task, in Hz.
        mirror: address of the archives; None for the public record.
        delete: whether to delete the archive once it is unpacked.
        workers: number of threads that resample; None for one a core.
        track: shows how far it is.

    Raises:
        ValueError: the archive or the folder is broken; nothing of it is used.
        OSError: the archive can't be fetched, or the space is too small; the message says which file to put where.
    """
    folder = tasks / archive.folder
    if folder.is_dir():
        shutil.rmtree(staging(folder), ignore_errors=True)  # left by a process that was killed after the renaming
    if folder.is_dir() and all((folder / str(rate)).is_dir() for rate in rates):
        return _ready(archive, tasks, rates, delete)  # without a lock: the folder may be read-only
    tasks.mkdir(parents=True, exist_ok=True)
    with locked(tasks / f".{archive.folder}"):
        if not folder.is_dir():
            unpack(_archive_file(archive, tasks, mirror, track), folder, track=track)
        task = _complete(folder)
        for rate in rates:
            add_rate(task, rate, workers=workers, track=track)
    return _ready(archive, tasks, rates, delete)


def _ready(archive: Archive, tasks: Path, rates: Sequence[int], delete: bool) -> Task:
    task = _complete(tasks / archive.folder, rates)
    if delete:
        (tasks / archive.file).unlink(missing_ok=True)
    return task


def _archive_file(archive: Archive, tasks: Path, mirror: str | None, track: Track) -> Path:
    def fault(path: Path) -> str | None:
        return wrong_start(path) or other_md5(path, MD5.get(archive.file))

    try:
        return fetch(archive.url(mirror), tasks / archive.file, accept=fault, track=track)
    except OSError as error:
        guess = f"; that this is its name is a guess by the others' pattern, {RECORD} lists what there is"
        raise FileNotFoundError(f"task {archive.key}: {error}{'' if archive.seen else guess}") from error


def _complete(folder: Path, rates: Iterable[int] = ()) -> Task:
    try:
        return complete(folder, rates)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{error}; {folder} was there: move it away to have the task fetched") from error
