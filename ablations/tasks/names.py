"""Which folders a study's tasks are: HEAR keys, packaged tasks, folders and globs."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.files import absolute, expanded
from downstream.tasks.packaged import MAKERS, demo_task
from downstream.tasks.task import Task
from results.rows.rows import task_key, task_table

TASKS_VARIABLE = "HEAR_TASKS"
FETCHES = "fetches it"
TRIES = "tries to fetch it: its archive's name was not seen in public, it follows the others' pattern"


class AbsentTaskError(FileNotFoundError):
    """A task of a study that is not there; says what was looked for and how to get it."""


@dataclass(frozen=True)
class NamedTask:
    """A task with its name in rows: the key of a HEAR task, else its folder's name."""

    key: str
    task: Task


def default_folder() -> Path:
    """$HEAR_TASKS, else ./tasks: where HEAR's task folders lie."""
    return expanded(os.environ.get(TASKS_VARIABLE) or "tasks")


def folders(name: str, tasks_folder: Path, store: Path, base: Path) -> list[Path]:
    """The task folders that a name in a study stands for.

    A folder or a glob is relative to `base`, the study's folder, or where nothing is there to `tasks_folder`.

    Raises:
        AbsentTaskError: where there is none; says what was looked for, and how to get it.
    """
    if name in MAKERS:
        return [demo_task(name, store)]
    table = task_table()
    if name in table.index:
        wanted = [tasks_folder / folder for folder in table.loc[name, "hear_folders"].split()]
        absent = [folder for folder in wanted if not folder.is_dir()]
        if absent:
            how = FETCHES if table.loc[name, "archive_name_seen"] == "yes" else TRIES
            raise AbsentTaskError(
                f"task {name} is absent: no folder {absent[0]} (--tasks or ${TASKS_VARIABLE} names another place; "
                f"`ablate download {name}` {how})"
            )
        return wanted
    places = [(place / expanded(name)).absolute() for place in (base, tasks_folder)]
    for path in places:
        pattern = str(path.relative_to(path.anchor))
        found = [path] if path.is_dir() else sorted(filter(_is_task, Path(path.anchor).glob(pattern)))
        if found:
            return found
    looked = " or ".join(dict.fromkeys(map(str, places)))
    raise AbsentTaskError(
        f"task {name!r} is absent: no folder {looked} (`ablate prepare` makes one of your files); expected a folder, "
        f"a glob, a packaged task ({', '.join(MAKERS)}) or a HEAR key ({', '.join(table.index)})"
    )


def _is_task(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")  # hidden: a task that is being unpacked


def read(folder: Path, others: Iterable[NamedTask]) -> NamedTask:
    """The task of a folder.

    Raises:
        FileNotFoundError, ValueError: for a broken folder, or one that is called like one of `others` without being the
            second folder of the same HEAR task; rows could not be told apart.
    """
    folder = absolute(folder)  # not resolved: a link's name is the task's
    key = task_key(folder.name)
    twins = [other.task.folder for other in others if other.key == key and other.task.folder != folder]
    if twins and key not in task_table().index:
        raise ValueError(f"{folder}: a task is called {key!r} already, {twins[0]}; rename one of the folders")
    return NamedTask(key, Task.from_dir(folder))
