"""Which folders a study's tasks are: HEAR keys, packaged tasks, folders and globs."""

import os
from dataclasses import dataclass
from pathlib import Path

from downstream.demo import MAKERS, demo_task
from downstream.task import Task
from results.rows import task_key, task_table

TASKS_VARIABLE = "HEAR_TASKS"


@dataclass(frozen=True)
class NamedTask:
    """A task with its name in rows: the key of a HEAR task, else its folder's name."""

    key: str
    task: Task


def default_folder() -> Path:
    """$HEAR_TASKS, else ./tasks: where HEAR's task folders lie."""
    return Path(os.environ.get(TASKS_VARIABLE, "tasks"))


def find(name: str, tasks_folder: Path, store: Path) -> list[NamedTask]:
    """The tasks that a name in a study stands for.

    Raises:
        FileNotFoundError: where there is none; says what was looked for. ValueError: for a broken task folder.
    """
    return [
        NamedTask(task_key(folder.resolve().name), Task.from_dir(folder))
        for folder in _folders(name, tasks_folder, store)
    ]


def _folders(name: str, tasks_folder: Path, store: Path) -> list[Path]:
    if name in MAKERS:
        return [demo_task(name, store)]
    table = task_table()
    if name in table.index:
        wanted = [tasks_folder / folder for folder in table.loc[name, "hear_folders"].split()]
        absent = [folder for folder in wanted if not folder.is_dir()]
        if absent:
            raise FileNotFoundError(
                f"task {name} is absent: no folder {absent[0]} (--tasks or ${TASKS_VARIABLE} names another place)"
            )
        return wanted
    path = Path(name).expanduser()
    found = sorted(folder for folder in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if folder.is_dir())
    if not found:
        raise FileNotFoundError(
            f"task {name!r} is absent: no such folder; expected a folder, a glob, a packaged task "
            f"({', '.join(MAKERS)}) or a HEAR key ({', '.join(table.index)})"
        )
    return found
