"""Runs that are killed and started again end with the rows of an undisturbed one, whatever the engine.

    python -m tests.campaigns.kills --engine process --count 30 --out results/benchmarks/kills_process.json

Runs of a small study are ended in every way of `kill_ways`, at moments that are drawn from a seed, and started again
until they end. Then rows and predictions have to be those of an undisturbed run, and nothing else may remain.
"""

import contextlib
import json
import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import yaml

from tests.campaigns import big_tasks
from tests.campaigns.kill_phases import PHASES
from tests.campaigns.kill_runs import NAME, Place, WrongEnding, compare, faults, rows_of_run, started
from tests.campaigns.kill_ways import ENGINES, Engine
from tests.campaigns.record import command_of

STUDY = {
    "name": NAME,
    "models": [
        {"checkpoint": "logmel", "timestamp_hop_ms": 100},
        {"checkpoint": "passt_demo", "weights": "untrained-0", "levels": [["block1"]], "timestamp_hop_ms": 250},
    ],
    "protocol": "hear2021+grid2",
}
THREE = {"train": 0.7, "valid": 0.15, "test": 0.15}
SIZES = (
    replace(big_tasks.SIZES["scenes"], clips=24, labels=4),
    replace(big_tasks.SIZES["events"], clips=7, seconds=3.0, labels=3, split_mode="trainvaltest", splits=THREE),
)
"""Of its tasks, which are made up: small, for a run is made many times over."""
MAX_EPOCHS = 8
KILLS_A_RUN = 3  # at most, before it is brought to its end
EARLIEST_S = 0.2  # before that, the command has not begun
LATEST = 0.4  # of the time that an undisturbed run takes; the phases that kills are aimed at come later
MISSES = 3  # runs that end before they are killed, a kill asked for


@dataclass
class Tally:
    """What came of the kills of an engine so far."""

    phases: dict[str, Counter[str]]
    runs: int = 0
    faults: int = 0
    temporary: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(sum(counts.values()) for counts in self.phases.values())


def campaign(folder: Path, count: int, seed: int, engine: str) -> dict[str, Any]:
    """Kill runs `count` times, and start each again until it ends; a record to be written as JSON.

    Args:
        folder: an empty one, for what is made. engine: one of `ENGINES`.
    """
    folder, chosen = folder.absolute(), ENGINES[engine]
    study = declared(folder)
    started(int).join()  # imports are no part of a run
    undisturbed = Place(folder / "undisturbed", study, chosen.options)
    start = time.perf_counter()
    undisturbed.finish()
    seconds, jobs = time.perf_counter() - start, len(undisturbed.jobs())
    tally = Tally({way: Counter() for way in chosen.ways})
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: the counts so far
        while tally.kills < count and tally.runs < MISSES * count:
            place = Place(folder / f"run{tally.runs}", study, chosen.options, jobs)
            try:
                if not _killed(place, chosen, tally, random.Random(f"{seed} {engine} {tally.runs}"), seconds):
                    place.finish()
                compare(place, undisturbed)
            except WrongEnding as error:
                tally.wrong.append({"run": tally.runs, "ending": str(error)})
                click.echo(json.dumps(tally.wrong[-1]))
            else:
                shutil.rmtree(place.folder)
            tally.runs += 1
            click.echo(f"{tally.kills} kills of {tally.runs} runs")
    return {
        "seed": seed,
        "what": " ".join(("ablate run", *chosen.options)),
        "seconds_undisturbed": round(seconds, 1),
        "rows": len(rows_of_run(undisturbed)),
        "kills": tally.kills,
        "runs": tally.runs,
        "kills_by_way_and_phase": {way: dict(counts) for way, counts in tally.phases.items()},
        "kills_that_left_temporary_files": tally.temporary,
        "store_faults_after_kills": tally.faults,
        "wrong": tally.wrong,
    }


def declared(folder: Path) -> Path:
    """The study's file; its tasks are made once."""
    tasks = [str(big_tasks.make(size, folder / "tasks", max_epochs=MAX_EPOCHS)) for size in SIZES]
    path = folder / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump({**STUDY, "tasks": tasks}))
    return path


def _killed(place: Place, engine: Engine, tally: Tally, draw: random.Random, seconds: float) -> bool:
    """Kill a run up to `KILLS_A_RUN` times, starting it again each time; whether it ended by itself."""
    for way in draw.sample(list(engine.ways), KILLS_A_RUN):
        delay, aim = draw.uniform(EARLIEST_S, LATEST * seconds), draw.choice((None, None, *PHASES))
        running = place.launch()
        running.process.join(delay)
        if aim:
            running.until(lambda aim=aim: place.phase() == aim)
        phase = engine.ways[way](running, draw) if running.alive else ""
        if not phase:
            return not running.too_busy and running.expect(0) == 0
        tally.phases[way][phase] += 1
        tally.temporary += bool(place.temporary())
        tally.faults += len(faults(place))
        if running.process.exitcode == 0:
            return True
    return False


ENGINE = click.Option(["--engine"], type=click.Choice(list(ENGINES)), required=True)
main = command_of(NAME, campaign, 30, [ENGINE])

if __name__ == "__main__":
    main()
