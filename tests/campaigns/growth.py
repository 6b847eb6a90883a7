"""How processor time and memory grow with a study's models and with a store's folders.

    python -m tests.campaigns.growth --work FOLDER --out results/benchmarks/growth.json

Studies that were run and stores are made up at three sizes (`growth_study`, `growth_store`). What a user does with them
runs in processes that have imported everything, and is measured by their processor time, user and system together,
which a busy machine changes less than time on the clock. From the smallest size to the middle one and from there to the
largest, a linear cost adds as much for each model; the ratio of the two is 1, and for a quadratic cost as `quadratic`
says.
"""

import contextlib
import functools
import importlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import click
import pandas as pd
import torch

from ablations.benchmarks.record import Record, command_line
from ablations.cli.group import main as ablate
from ablations.study.study import Study
from ablations.units.unit import find_tasks, units_of
from tests.campaigns import growth_store, growth_study
from tests.campaigns.children import Ending, attempt
from tests.campaigns.growth_study import NAME, Place
from tests.campaigns.record import WORK

MODELS, FOLDERS = (60, 180, 500), (1_000, 5_000, 20_000)
FIGURES = ("bars", "heatmap", "overview", "along_level", "pareto")
FEW_MODELS = 4  # of the study that is run with a large store
LIMIT_S = 1200.0
MOST_RATIO, LEAST_S = 1.6, 1.0
"""A command fails the campaign where its ratio is larger, and the last step took more than so many seconds."""
IMPORTED = (
    *("ablations.cli.run", "ablations.cli.store", "ablations.cli.results.table", "ablations.cli.results.figure"),
    *("ablations.cli.results.compare", "ablations.cli.running.printed", "ablations.report.page", "ablations.runs.plan"),
    *("ablations.runs.protocols", "ablations.store.check", "ablations.store.listing", "results.protocols.across"),
    *("altair", "vl_convert", "matplotlib.backends.backend_pdf", "matplotlib.backends.backend_agg", "scipy.stats"),
)
"""What commands import late."""
COLUMNS = {
    "of": "what grows: the models of a study of three tasks and three seeds, or the folders of a store",
    "what": "the command, or the part of a command",
    "size": "models or folders",
    "cpu_s": "user and system time of the process in s, without imports",
    "peak_mb": "peak of resident memory in MB, with what is imported (start_mb)",
}


@dataclass(frozen=True)
class Action:
    """Something that a user does.

    Attributes:
        what: as the record calls it.
        call: does it.
    """

    what: str
    call: Callable[[], object]


def campaign(work: Path, models: Sequence[int] = MODELS, folders: Sequence[int] = FOLDERS) -> Record:
    """Measure what users do with studies and stores of three sizes each.

    Args:
        work: an empty folder.
        models: of studies.
        folders: of stores.
    """
    _import_all()
    start = _measured(lambda: None, work)
    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    for of, sizes, actions in (("models", models, _of_study), ("folders", folders, _of_store)):
        for size in sizes:
            place = Place(work / f"{of}{size}")
            for action in actions(place, size):
                ending = attempt(action.call, work / "log", LIMIT_S)
                row = {"of": of, "what": action.what, "size": size}
                rows.append({**row, "cpu_s": round(ending.cpu_s, 3), "peak_mb": round(ending.peak_mb)})
                click.echo(f"{action.what}, {size} {of}: {ending.cpu_s:.2f} s, {ending.peak_mb:.0f} MB")
                if ending.kind != "taken":
                    wrong.append(f"{action.what}, {size} {of}: {ending.kind}: {ending.output[-300:].strip()}")
                    click.echo(wrong[-1])
            shutil.rmtree(place.folder)
    growth = list(_growth(rows))
    steep = [line for line in growth if line["ratio"] > MOST_RATIO and line["last_step_s"] > LEAST_S]
    failure = "; ".join([*wrong[:1], *(f"more than linear: {line['what']}" for line in steep)])
    seeds = len(growth_study.SEEDS)
    facts = {"start_mb": round(start.peak_mb), "seeds": seeds, "growth": growth, "wrong": wrong}
    what = "what users do with large studies and stores"
    return Record(what, rows, COLUMNS, facts, table=_shown(rows, growth), failure=failure)


def _shown(rows: Sequence[dict[str, Any]], growth: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Arrange seconds by size, with the largest peak and the ratio of the steps."""
    ratios = {line["what"]: line["ratio"] for line in growth}
    lines = []
    for what in dict.fromkeys(row["what"] for row in rows):
        own = [row for row in rows if row["what"] == what]
        seconds = {("small", "middle", "large")[place]: row["cpu_s"] for place, row in enumerate(own[:3])}
        largest = max(row["peak_mb"] for row in own)
        lines.append({"what": what, **seconds, "peak_mb": largest, "ratio": ratios.get(what)})
    return pd.DataFrame(lines)


def _import_all() -> None:
    torch.set_num_threads(1)
    for name in IMPORTED:
        with contextlib.suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)


def _measured(call: Callable[[], object], work: Path) -> Ending:
    """Call a function in a process of its own.

    Raises:
        RuntimeError: the call ended wrongly; has the end of its output.
    """
    ending = attempt(call, work / "log", LIMIT_S)
    if ending.kind != "taken":
        raise RuntimeError(f"{ending.kind}: {ending.output[-600:]}")
    return ending


def _ablate(*arguments: object) -> Callable[[], object]:
    return functools.partial(ablate, [str(argument) for argument in arguments])


def _of_study(place: Place, models: int) -> Iterator[Action]:
    """What is done with a study, in this order."""
    where, run = place.where, place.run
    other = Place(place.folder / "other")
    growth_study.declare(place, models, where.tasks)
    growth_study.declare(other, models, where.tasks, protocol="hear2021+linear", seeds=(0,))
    for made in (place, other):
        _measured(functools.partial(_made_quickly, growth_study.make_jobs, made), place.folder)
    options = ("--runs", where.runs, "--store", where.store, "--tasks", where.tasks, "--device", "cpu")
    yield Action("units of the study", lambda: _units(place))
    yield Action("ablate plan --no-measure", _ablate("plan", place.study, "--no-measure", *options))
    yield Action("ablate run, all jobs done, without rows.csv", _ablate("run", place.study, *options))
    yield Action("ablate run, all done", _ablate("run", place.study, *options))
    yield Action("ablate table", _ablate("table", run))
    for kind in FIGURES:
        yield Action(f"ablate figure --kind {kind}", _ablate("figure", run, "--kind", kind))
    yield Action("ablate compare", _ablate("compare", run))
    first, *others = [model.label for model in Study.load(place.study).models]
    yield Action("ablate compare, one model with all others", _ablate("compare", run, first, *others))
    yield Action("ablate report", _ablate("report", run))
    yield Action("ablate store check --runs", _ablate("store", "check", "--store", where.store, "--runs", where.runs))
    _measured(_ablate("run", other.study, "--runs", other.where.runs, *options[2:]), place.folder)
    yield Action("ablate protocols", _ablate("protocols", run, other.run))


def _units(place: Place) -> None:
    study = Study.load(place.study)
    units_of(study, find_tasks(study, place.where.tasks, place.where.store, growth_study.stop))


def _made_quickly(make: Callable[..., object], *arguments: object) -> None:
    """Make something up without waiting for the disk."""
    with mock.patch.object(os, "fsync"):
        make(*arguments)


def _of_store(place: Place, folders: int) -> Iterator[Action]:
    """What is done with a store, in this order."""
    where, place_of_run = place.where, ("--store", place.where.store)
    growth_study.declare(place, FEW_MODELS, where.tasks)
    _measured(functools.partial(_made_quickly, growth_study.make_jobs, place), place.folder)
    _measured(functools.partial(_made_quickly, growth_store.make, where.store, folders), place.folder)
    options = ("--runs", where.runs, *place_of_run, "--tasks", where.tasks, "--device", "cpu")
    yield Action(f"ablate run, all done, {FEW_MODELS} models", _ablate("run", place.study, *options))
    yield Action("ablate store ls", _ablate("store", "ls", *place_of_run))
    yield Action("ablate store check", _ablate("store", "check", *place_of_run))
    old = ("store", "prune", *place_of_run, "--older-than", "30d")
    yield Action("ablate store prune --dry-run, half of it", _ablate(*old, "--dry-run"))
    yield Action("ablate store prune, half of it", _ablate(*old))


def _growth(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Compare the steps from size to size of each action: what one more model or folder costs in ms, and their ratio.

    Processor times have an error of some hundredths of a second, so that small steps have no ratio that means much.
    """
    by_action = itertools.groupby(sorted(rows, key=lambda row: (row["of"], row["what"])), lambda row: row["what"])
    for what, of_action in by_action:
        points = [(row["size"], row["cpu_s"]) for row in sorted(of_action, key=lambda row: row["size"])]
        if len(points) != 3:
            continue
        steps = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(points)]
        sizes = [size for size, _ in points]
        yield {
            "what": what,
            "ms_for_one_more": [round(1000 * step, 3) for step in steps],
            "ratio": round(steps[1] / max(steps[0], 1e-9), 2),
            "quadratic": round((sizes[1] + sizes[2]) / (sizes[0] + sizes[1]), 2),
            "last_step_s": round(points[2][1] - points[1][1], 3),
        }


def _sizes(name: str, default: Sequence[int]) -> Callable[..., Any]:
    return click.option(f"--{name}", type=int, multiple=True, default=default, show_default=True, help="Sizes.")


main = command_line(
    campaign, f"python -m tests.campaigns.{NAME}", _sizes("models", MODELS), _sizes("folders", FOLDERS), WORK,
    progress=False,
)  # fmt: skip

if __name__ == "__main__":
    main()
