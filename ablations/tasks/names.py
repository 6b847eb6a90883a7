"""Find a study's tasks: HEAR keys, packaged tasks, folders and globs, each with conditions behind it or without.

A name such as ``digits+snr10`` is a task and its conditions (`downstream.tasks.conditions.condition`), unless a folder
is called so as a whole.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.files import absolute, expanded
from downstream.tasks.changed import changed
from downstream.tasks.conditions.condition import NO_CONDITIONS, SEPARATOR, Conditions
from downstream.tasks.packaged import MAKERS, demo_task
from downstream.tasks.task import Task
from passt.catalog.choices import choices
from results.rows.rows import task_key, task_table

TASKS_VARIABLE = "HEAR_TASKS"
FETCHES = "fetches it"
TRIES = "tries to fetch it: its archive's name was not seen in public, it follows the others' pattern"


class AbsentTaskError(FileNotFoundError):
    """A task of a study is not installed.

    The message says where it was looked for and how to get it.
    """


@dataclass(frozen=True)
class NamedTask:
    """A task with its name in rows: the key of a HEAR task, or else the name of its folder; then its conditions."""

    key: str
    task: Task


@dataclass(frozen=True)
class Place:
    """Where a task is read from: its folder, and the conditions that it is put under."""

    folder: Path
    conditions: Conditions = NO_CONDITIONS

    @property
    def name(self) -> str:
        """The name of the folder, with the conditions."""
        return f"{self.folder.name}{self.conditions}"


def default_folder() -> Path:
    """The folder of HEAR's task folders: $HEAR_TASKS, or else ./tasks."""
    return expanded(os.environ.get(TASKS_VARIABLE) or "tasks")


def places(name: str, tasks_folder: Path, store: Path, base: Path) -> list[Place]:
    """Find what a name in a study stands for, with conditions behind it or without; arguments are those of `folders`.

    Raises:
        AbsentTaskError: there is no such task.
        ValueError: the task is here, and a condition behind it is unknown, has no number or is out of range.
    """
    absent: AbsentTaskError | None = None
    for task, text in _parts(name):
        try:
            found = folders(task, tasks_folder, store, base)
        except AbsentTaskError as error:
            absent = error  # the last one is of the name without all that may be conditions
            continue
        try:
            conditions = Conditions.parse(text)
        except ValueError as error:
            raise ValueError(f"task {name!r}: {error}") from None
        return [Place(folder, conditions) for folder in found]
    raise absent or AssertionError(name)


def _parts(name: str) -> list[tuple[str, str]]:
    """The ways to divide a name into a task and conditions: all of it is the task, then less and less."""
    start = name.rfind("/") + 2  # a task's own name has one letter at least
    cuts = [place for place in range(len(name) - 1, start - 1, -1) if name[place] == SEPARATOR]
    return [(name, ""), *((name[:cut], name[cut:]) for cut in cuts)]


def folders(name: str, tasks_folder: Path, store: Path, base: Path) -> list[Path]:
    """The task folders that a name in a study stands for.

    Args:
        name: a HEAR key, a packaged task, a folder or a glob.
        tasks_folder: where HEAR's task folders lie.
        store: where packaged tasks are unpacked.
        base: the study's folder. Folders and globs are relative to it, or else to `tasks_folder`.

    Raises:
        AbsentTaskError: there is no such task; the message says where it was looked for and how to get it.
    """
    if name in MAKERS:
        return [demo_task(name, store)]
    table = task_table()
    if name in table.index:
        expected = [tasks_folder / folder for folder in table.loc[name, "hear_folders"].split()]
        absent = [folder for folder in expected if not folder.is_dir()]
        if absent:
            how = FETCHES if table.loc[name, "archive_name_seen"] == "yes" else TRIES
            raise AbsentTaskError(
                f"task {name} is absent: no folder {absent[0]} (--tasks or ${TASKS_VARIABLE} names another place; "
                f"`ablate download {name}` {how})"
            )
        return expected
    places = [(place / expanded(name)).absolute() for place in (base, tasks_folder)]
    for path in places:
        pattern = str(path.relative_to(path.anchor))
        matches = [path] if path.is_dir() else sorted(filter(_is_task, Path(path.anchor).glob(pattern)))
        if matches:
            return matches
    looked = " or ".join(dict.fromkeys(map(str, places)))
    known = choices(Path(name).name, [*MAKERS, *table.index, *below(tasks_folder)], listed_by="`ablate tasks`")
    raise AbsentTaskError(
        f"task {name!r} is absent: no folder {looked}{known}; `ablate prepare` makes a task of your files"
    )


def below(tasks_folder: Path) -> list[str]:
    """The names of the task folders in the folder of tasks, sorted."""
    paths = tasks_folder.iterdir() if tasks_folder.is_dir() else ()
    return sorted(path.name for path in paths if _is_task(path) and (path / "task_metadata.json").is_file())


def _is_task(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")  # hidden: a task that is being unpacked


def read(place: Place, others: Iterable[NamedTask]) -> NamedTask:
    """Read a task.

    Args:
        place: its folder and conditions.
        others: the tasks of the study that were read before.

    Raises:
        FileNotFoundError, ValueError: the folder is broken, or has the name of another task, so that their rows could
            not be told apart. The folders of one HEAR task may share its name.
    """
    folder = absolute(place.folder)  # not resolved: a link's name is the task's
    key = task_key(folder.name)
    name = f"{key}{place.conditions}"
    twins = [other.task.folder for other in others if other.key == name and other.task.folder != folder]
    if twins and key not in task_table().index:
        raise ValueError(f"{folder}: a task is called {name!r} already, {twins[0]}; rename one of the folders")
    return NamedTask(name, changed(Task.from_dir(folder), place.conditions))
