"""Find the folders of a study's tasks: HEAR keys, packaged tasks, folders and globs."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.files import absolute, expanded
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
    """A task with its name in rows: the key of a HEAR task, or else the name of its folder."""

    key: str
    task: Task


def default_folder() -> Path:
    """The folder of HEAR's task folders: $HEAR_TASKS, or else ./tasks."""
    return expanded(os.environ.get(TASKS_VARIABLE) or "tasks")


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


def read(folder: Path, others: Iterable[NamedTask]) -> NamedTask:
    """Read the task of a folder.

    Args:
        folder: the task folder.
        others: the tasks of the study that were read before.

    Raises:
        FileNotFoundError, ValueError: the folder is broken, or has the name of another task, so that their rows could
            not be told apart. The folders of one HEAR task may share its name.
    """
    folder = absolute(folder)  # not resolved: a link's name is the task's
    key = task_key(folder.name)
    twins = [other.task.folder for other in others if other.key == key and other.task.folder != folder]
    if twins and key not in task_table().index:
        raise ValueError(f"{folder}: a task is called {key!r} already, {twins[0]}; rename one of the folders")
    return NamedTask(key, Task.from_dir(folder))
