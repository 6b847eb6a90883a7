"""A task under conditions: the sound of the clips that it tests, or of all its clips, is changed.

Probes of a task whose test clips alone are changed are those of the clean task: training and validation clips, seeds
and folds are the same. Where a split trains in one fold and tests in another, it is there twice, clean and changed.
"""

from dataclasses import replace

from downstream.tasks.conditions.condition import EVERYWHERE, Conditions
from downstream.tasks.task import TRAIN_VALID_TEST, Task


def changed(task: Task, conditions: Conditions) -> Task:
    """Put a task under conditions.

    The splits of changed sound are called after the splits of the folder, with the conditions behind them; those of
    tasks that are changed everywhere keep their names.

    Args:
        task: as its folder has it.
        conditions: none gives the task itself.

    Raises:
        ValueError: the task is under conditions already, or has a split with the name of a changed one.
    """
    if not conditions:
        return task
    if task.conditions:
        raise ValueError(f"{task.name}: is under conditions already, got also {conditions}")
    tested = TRAIN_VALID_TEST[-1:] if task.split_mode == "trainvaltest" else task.splits
    names = {split: f"{split}{conditions}" for split in tested}
    if conditions.everywhere:
        names = {split: split for split in task.splits}
        splits = task.splits
    elif task.split_mode == "trainvaltest":  # in its place, so that its clips keep their order
        splits = tuple(names.get(split, split) for split in task.splits)
    else:
        splits = (*task.splits, *names.values())
    if len(set(splits)) < len(splits):
        raise ValueError(f"{task.folder}: splits must be no others' names under {conditions}, got {list(task.splits)}")
    sources = {name: split for split, name in names.items()}
    return replace(
        task,
        name=f"{task.name}{conditions}",
        splits=splits,
        items={split: task.items[sources.get(split, split)] for split in splits},
        groups={split: group for split in splits if (group := task.groups.get(sources.get(split, split)))},
        conditions=conditions,
        sources=sources,
    )


def names_in_folder(task: Task) -> dict[str, str]:
    """The names that a task's splits have in an embedding folder of hear-eval-kit: those of its own, no conditions.

    Raises:
        ValueError: a split is there clean and changed, and such a folder has one embedding of a clip.
    """
    names = {split: task.sources.get(split, split) for split in task.splits}
    if len(set(names.values())) < len(names):
        raise ValueError(
            f"{task.name}: an embedding folder must have one embedding of a clip, and in {task.split_mode} clips train "
            f"clean and are tested changed; export the clean task, or change all clips: +{EVERYWHERE}{task.conditions}"
        )
    return names


def check_rate(task: Task, highest_rate: int) -> None:
    """Raise ValueError if a band is no less than what the task's clips have at their highest rate in Hz."""
    half = highest_rate / 2
    for condition in task.conditions.chain:
        if condition.kind == "band" and condition.value >= half:
            raise ValueError(
                f"{task.name}: condition band must be below {half:g} Hz, half the highest rate of the clips, which "
                f"have nothing above, got {condition.value:g}"
            )
