"""A run on a made-up task of any size: the memory it takes at its highest, and where the time goes."""

import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch

from ablations.cli.options import DEVICE, PATH
from ablations.cli.progress import bars, terminal
from ablations.runs.run import run_study
from ablations.store.listing import store_table
from ablations.study.study import Study
from ablations.system import memory
from ablations.system.compute import Machine
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device, machine, versions
from ablations.system.memory import give_back
from ablations.units.where import Where
from downstream.disk.files import write_json
from downstream.progress import Track, silent
from results.rows.rows import read_rows
from tests.campaigns import big_tasks, stages
from tests.campaigns.big_tasks import SIZES

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
        outcome = run_study(study, Where(work / "runs", work / "store"), Machine(device), track=track)
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


@click.command()
@click.argument("kind", type=click.Choice(list(SIZES)))
@click.option("--clips", type=int, help="How many  [default: 50,000 scenes, 185 with events]")
@click.option("--seconds", type=float, help="Of a clip  [default: 1 of a scene, 120 with events]")
@click.option("--checkpoint", help="The model  [default: passt_demo, the small network]")
@click.option("--weights", default="untrained-0", show_default=True, help="Its weights.")
@click.option("--protocol", default=PROTOCOL, show_default=True, help="Of the probes.")
@click.option("--max-epochs", type=int, help="Of a probe  [default: HEAR's 500]")
@click.option("--limit-gb", type=float, default=4.0, show_default=True, help="The exit status is 1 beyond.")
@click.option("--work", type=PATH, help="A folder to be kept  [default: a temporary one]")
@DEVICE
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def main(
    kind: str,
    clips: int | None,
    seconds: float | None,
    checkpoint: str | None,
    weights: str,
    protocol: str,
    max_epochs: int | None,
    limit_gb: float,
    work: Path | None,
    device: str | None,
    out: Path | None,
) -> None:
    """Run extraction and probes on a made-up task: many short clips (scenes), or long ones with events.

    Anonymous memory is summed over all processes; the time is split into reading, mel, network, writing, probes.
    """
    options = {"clips": clips, "seconds": seconds, "protocol": protocol, "max_epochs": max_epochs}
    model = {"checkpoint": checkpoint or SPEC["checkpoint"], "weights": weights}
    with tempfile.TemporaryDirectory() as temporary, bars(terminal()) as track:
        place = work or Path(temporary)
        found = measure(kind, place, **options, model=model, device=choose_device(device), track=track)
    click.echo(to_markdown(found))
    if out:
        words = ["python -m tests.campaigns.big", kind, *([f"--clips {clips}"] if clips else [])]
        words += [f"--seconds {seconds:g}"] if seconds else []
        words += [f"--checkpoint {checkpoint} --weights {weights}"] if checkpoint else []
        words += [f"--protocol {protocol}"] if protocol != PROTOCOL else []
        words += [f"--max-epochs {max_epochs}"] if max_epochs else []
        write_json(out, {"command": " ".join(words), **found})
    if found["peak_anonymous_mb"] > 1000 * limit_gb:
        raise ValueError(f"{found['peak_anonymous_mb']:.0f} MB of anonymous memory, expected at most {limit_gb:g} GB")


if __name__ == "__main__":
    main()
