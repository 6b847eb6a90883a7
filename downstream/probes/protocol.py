"""The protocol of an evaluation: hear-eval-kit's, with options that go beyond it.

``hear2021`` is hear-eval-kit 2021.1.3 with its defaults. ``hear2021+grid16+standardized`` changes two things, and
``hear2021+limit20`` uses 20 clips of each split. Scores under different protocols can't be compared.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.model_selection import ParameterGrid

from downstream.disk import fields
from downstream.probes.arithmetic import EXACT, TF32, check_tf32
from downstream.probes.probe import ProbeConfig
from downstream.tasks.task import Task

BASE = "hear2021"
GRID: Mapping[str, list[Any]] = {
    "hidden_layers": [1, 2],
    "lr": [3.2e-3, 1e-3, 3.2e-4, 1e-4],
    "init": ["xavier_uniform", "xavier_normal"],
}
GRID_POINTS = 8  # of the 16, by default
GRID_SEED = 42
SWITCHES = ("linear", "shuffled", "standardized", "tf32")
MOST_CLIPS = 10**9 - 1
TASK_SETTINGS: Mapping[str, Mapping[str, int]] = {"dcase2016_task2": {"check_val_every_n_epoch": 10}}


@dataclass(frozen=True)
class Protocol:
    """How a protocol differs from that of hear-eval-kit.

    Attributes:
        grid_points: how many of the 16 probe configurations are tried; in the text form, `grid16`.
        linear: whether the probe has no hidden layer; all 8 settings of learning rate and initialization are tried.
        shuffled: whether training batches are drawn anew in every epoch, instead of following the items' order.
        standardized: whether features have mean 0 and standard deviation 1 over the training items of a fold.
        tf32: whether products of probes are rounded to TF32, on GPUs that have it; else they are exact float32.
        limit: how many clips of each split are used (`downstream.tasks.limited`); None is all of them. In the text
            form, `limit20`.
    """

    grid_points: int = GRID_POINTS
    linear: bool = False
    shuffled: bool = False
    standardized: bool = False
    tf32: bool = False
    limit: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Protocol":
        """Read the text form, with options in any order.

        Raises:
            ValueError: an option is unknown or repeated; names the known options.
        """
        base, *options = str(text).split("+")
        values: dict[str, Any] = {}
        for option in options:
            name, value = _option(option)
            if name in values or not name:
                base = ""
            values[name] = value
        if base != BASE:
            expected = f"{BASE}, behind it +grid1 to +grid16, +limit1 up, +{', +'.join(SWITCHES)}, each at most once"
            raise ValueError(f"unknown protocol {text!r}, expected {expected}")
        return cls(**values)

    def __str__(self) -> str:
        grid = [f"grid{self.grid_points}"] if self.grid_points != GRID_POINTS else []
        limit = [] if self.limit is None else [f"limit{self.limit}"]
        return "+".join([BASE, *grid, *limit, *(name for name in SWITCHES if getattr(self, name))])

    @property
    def matmul(self) -> str:
        """The precision of float32 products, for `downstream.probes.arithmetic`."""
        return TF32 if self.tf32 else EXACT

    def check(self, device: str) -> None:
        """Raise ValueError for a device that can't compute as the protocol says."""
        if self.tf32:
            check_tf32(device)

    def configurations(self, task: Task) -> list[ProbeConfig]:
        """The probe configurations to try on a task, in hear-eval-kit's order with its seed 42.

        Raises:
            ValueError: a setting of the task is unknown, or has several values.
        """
        grid = {**GRID, "hidden_layers": [0]} if self.linear else GRID
        points = list(ParameterGrid(grid))
        random.Random(GRID_SEED).shuffle(points)
        settings = {**TASK_SETTINGS.get(task.metadata.get("task_name", ""), {}), **_task_settings(task)}
        try:
            return [ProbeConfig(**point, **settings) for point in points[: self.grid_points]]
        except ValueError as error:
            raise ValueError(f"{task.folder / 'task_metadata.json'}: task_specific_param_grid: {error}") from None


def _option(text: str) -> tuple[str, Any]:
    """The field and the value of an option; "" for an unknown option."""
    if match := re.fullmatch(r"grid([1-9]|1[0-6])", text):
        return "grid_points", int(match[1])
    if match := re.fullmatch(r"limit([1-9]\d{0,8})", text):
        return "limit", int(match[1])
    return text if text in SWITCHES else "", True


def _task_settings(task: Task) -> dict[str, Any]:
    """The probe settings of the task's metadata, each with exactly one value (MAESTRO has some)."""
    source = task.folder / "task_metadata.json"
    grid = task.evaluation_params.get("task_specific_param_grid") or {}
    fields.mapping(grid, f"{source}: task_specific_param_grid", "an object")
    known = ProbeConfig.__dataclass_fields__
    for name, values in grid.items():
        if name not in known or name in GRID:
            raise ValueError(f"{source}: task_specific_param_grid: unknown setting {name!r}")
        where = f"{source}: task_specific_param_grid: {name}"
        if len(fields.list_of(fields.number, values, where, "a list of one number")) != 1:
            raise fields.wrong(values, where, "a list of one number")
    return {name: values[0] for name, values in grid.items()}
