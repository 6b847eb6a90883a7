"""The protocol of an evaluation: which probe, chosen how, trained on which clips.

``hear2021`` is hear-eval-kit 2021.1.3 with its defaults. ``knn``, ``ridge`` and ``logistic`` solve for a probe without
epochs (`downstream.solvers`). Options stand behind the name: ``hear2021+grid16+standardized`` changes two things,
``knn+fewshot8`` trains on 8 clips a label. Scores under different protocols can't be compared.
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
SOLVED = ("knn", "ridge", "logistic")
"""Protocols whose probes have no epochs: each is a row of `downstream.solvers.SOLVERS`."""
GRID: Mapping[str, list[Any]] = {
    "hidden_layers": [1, 2],
    "lr": [3.2e-3, 1e-3, 3.2e-4, 1e-4],
    "init": ["xavier_uniform", "xavier_normal"],
}
GRID_POINTS = 8  # of the 16, by default
GRID_SEED = 42
SWITCHES = ("linear", "shuffled", "standardized", "tf32")
OF_EPOCHS = ("grid_points", *SWITCHES)
"""Options of `hear2021` alone."""
MOST_CLIPS = 10**9 - 1
EXPECTED = (
    f"{BASE}, {', '.join(SOLVED)}; behind it +limit1 up, +fewshot1 up or +fraction0.1 (above 0, below 1); "
    f"behind {BASE} also +grid1 to +grid16, +{', +'.join(SWITCHES)}; each at most once"
)
TASK_SETTINGS: Mapping[str, Mapping[str, int]] = {"dcase2016_task2": {"check_val_every_n_epoch": 10}}


@dataclass(frozen=True)
class Protocol:
    """How probes are fitted and chosen.

    Attributes:
        base: `hear2021`, or a row of `SOLVED`.
        grid_points: how many of the 16 probe configurations are tried; in the text form, `grid16`.
        linear: whether the probe has no hidden layer; all 8 settings of learning rate and initialization are tried.
        shuffled: whether training batches are drawn anew in every epoch, instead of following the items' order.
        standardized: whether features have mean 0 and standard deviation 1 over the training items of a fold.
        tf32: whether products of probes are rounded to TF32, on GPUs that have it; else they are exact float32.
        limit: how many clips of each split are used (`downstream.tasks.limited`); None is all of them. In the text
            form, `limit20`.
        fewshot: how many training clips of each label are used; None is all of them. In the text form, `fewshot8`.
        fraction: which share of the training clips is used; None is all of them. In the text form, `fraction0.1`.
    """

    base: str = BASE
    grid_points: int = GRID_POINTS
    linear: bool = False
    shuffled: bool = False
    standardized: bool = False
    tf32: bool = False
    limit: int | None = None
    fewshot: int | None = None
    fraction: float | None = None

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
            if name in values or not name or (name in OF_EPOCHS and base != BASE):
                base = ""
            values[name] = value
        if {"fewshot", "fraction"} <= values.keys():
            raise ValueError(f"protocol {text!r}: expected fewshot or fraction, not both")
        if base not in (BASE, *SOLVED):
            raise ValueError(f"unknown protocol {text!r}, expected {EXPECTED}")
        return cls(base=base, **values)

    def __str__(self) -> str:
        options = {
            "grid": None if self.grid_points == GRID_POINTS else self.grid_points,
            "limit": self.limit,
            "fewshot": self.fewshot,
            "fraction": None if self.fraction is None else f"{self.fraction:g}",
        }
        numbers = [f"{name}{value}" for name, value in options.items() if value is not None]
        return "+".join([self.base, *numbers, *(name for name in SWITCHES if getattr(self, name))])

    @property
    def is_solved(self) -> bool:
        """Whether its probes have no epochs."""
        return self.base != BASE

    @property
    def draws(self) -> bool:
        """Whether a part of the training clips is drawn by the seed."""
        return self.fewshot is not None or self.fraction is not None

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
    if match := re.fullmatch(r"(limit|fewshot)([1-9]\d{0,8})", text):
        return match[1], int(match[2])
    if match := re.fullmatch(r"fraction(0\.\d{0,5}[1-9])", text):
        return "fraction", float(match[1])
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
