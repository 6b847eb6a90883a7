"""A run on a made-up task of any size: the memory it takes at its highest, and where the time goes."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ablations.runs.run import run_study
from ablations.store.listing import store_table
from ablations.study.study import Study
from ablations.system import memory
from ablations.system.machine import give_back, machine
from ablations.units.job import versions
from downstream.progress import Track, silent
from results.rows.rows import read_rows
from tests.campaigns import big_tasks, stages

SPEC = {"checkpoint": "passt_demo", "weights": "untrained-0"}
PROTOCOL = "hear2021"


def measure(
    kind: str,
    work: Path,
    *,
    clips: int | None = None,
    seconds: float | None = None,
    model: dict[str, Any] | None = None,
    protocol: str = PROTOCOL,
    max_epochs: int | None = None,
    device: str = "cpu",
    seed: int = 0,
    track: Track = silent,
) -> dict[str, Any]:
    """Extraction and probes of one model on a made-up task, from nothing.

    Args:
        kind: scenes or events. work: an empty folder for task, store and rows; a task that is there is used again.
        clips, seconds: how many, of what length each; None is as in `big_tasks.SIZES`.
        model: a model of a study; None is the small network, untrained.
        max_epochs: of a probe, in place of HEAR's 500.

    Returns:
        A record to be written as JSON.

    Raises:
        ValueError: for clips that are fewer than splits, or a store that is there already.
    """
    given = {name: value for name, value in (("clips", clips), ("seconds", seconds)) if value is not None}
    size = dataclasses.replace(big_tasks.SIZES[kind], **given)
    if size.clips < len(size.splits) or size.seconds < 1:
        raise ValueError(f"expected {len(size.splits)} clips of 1 s at least, got {size.clips} of {size.seconds:g} s")
    if (work / "store").exists():
        raise ValueError(f"{work / 'store'}: is there already; a measurement begins with nothing")
    task = big_tasks.make(size, work / "tasks", seed=seed, max_epochs=max_epochs, track=track)
    declared = {"name": f"big_{kind}", "models": [model or SPEC], "tasks": [str(task)], "protocol": protocol}
    study = Study.from_dict(declared)
    give_back()
    before = memory.anonymous(memory.tree(os.getpid()))
    start = time.perf_counter()
    with stages.timed() as clock, memory.watched(clock.going) as peak:
        outcome = run_study(study, runs=work / "runs", store=work / "store", device=device, track=track)
    total = time.perf_counter() - start
    if outcome.failures:
        raise ValueError(str(outcome.failures[0]))
    rows = read_rows(outcome.folder)
    taps = store_table(work / "store")
    return {
        "what": f"{size.clips} made-up clips of {size.seconds:g} s, {size.labels} labels, {size.metric}, "
        f"{len(size.splits)} splits, {protocol}{'' if max_epochs is None else f', {max_epochs} epochs at most'}",
        "spec": rows["spec"].iloc[0],
        "device": machine(device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "clips": size.clips,
        "seconds_of_sound": size.clips * size.seconds,
        "rows_of_a_tap": int(taps["rows"].sum()),
        "store_mb": float(taps["bytes"].sum() / 1e6),
        "folds": int(rows["fold"].nunique()),
        "score": float(rows.loc[rows["primary"], "score"].mean()),
        "seconds": total,
        "stage_seconds": clock.seconds,
        "peak_anonymous_mb": peak.bytes / 1e6,
        "before_mb": before / 1e6,
        "peak_during": list(peak.during),
        "processes": peak.processes,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The stages as a table, and the memory below."""
    table = pd.DataFrame(found["stage_seconds"].items(), columns=["stage", "seconds"])
    table["share of the run"] = table["seconds"] / found["seconds"]
    return (
        f"{table.to_markdown(index=False, floatfmt='.3g')}\n\n{found['what']}: {found['seconds']:.0f} s\n"
        f"Anonymous memory at its highest: {found['peak_anonymous_mb']:.0f} MB, {found['before_mb']:.0f} MB before, "
        f"during {' and '.join(found['peak_during']) or 'nothing that is timed'}; store {found['store_mb']:.0f} MB"
    )
