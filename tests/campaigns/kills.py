"""Runs that are killed and started again end with the rows of an undisturbed one, whatever the engine.

    python -m tests.campaigns.kills --engine process --count 30 --out results/benchmarks/kills_process.json

Runs of a small study are ended in every way of `kill_ways`, at random moments, and started again until they end. Then
rows and predictions must be those of an undisturbed run, no other file may remain, and no more may have been computed
again than what `kill_work` allows.
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

from ablations.benchmarks.record import Record
from tests.campaigns import big_tasks, kill_work
from tests.campaigns.kill_phases import PHASES
from tests.campaigns.kill_runs import NAME, Place, WrongEnding, compare, faults, rows_of_run, started
from tests.campaigns.kill_ways import ENGINES, Engine
from tests.campaigns.record import campaign_command, endings_record

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
"""Sizes of its made-up tasks, small because the study runs many times."""
MAX_EPOCHS = 8
KILLS_A_RUN = 3  # at most, before it runs to its end undisturbed
EARLIEST_S = 0.2  # before that, the command has not begun
LATEST = 0.4  # share of an undisturbed run's time; kills that wait for a phase come later
INTO_S = 0.4  # seconds into a phase, at most
MOST_BATCHES = 20  # that a run appends before it is killed in the middle of extractions
RUNS_A_KILL = 3  # at most: many runs end before they are killed


@dataclass
class Tally:
    """The kills of an engine so far.

    Attributes:
        phases: way -> phase of the run -> kills.
        runs: that were started and brought to an end.
        faults: that `ablate store check` found after kills.
        temporary: kills that left temporary files.
        again: batches that were appended to the store again after kills.
        again_s: seconds from the first of these to the last one before the kill, at most.
        wrong: wrong endings.
    """

    phases: dict[str, Counter[str]]
    runs: int = 0
    faults: int = 0
    temporary: int = 0
    again: int = 0
    again_s: float = 0.0
    wrong: list[dict[str, Any]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(sum(counts.values()) for counts in self.phases.values())


def campaign(work: Path, count: int, seed: int, engine: str) -> Record:
    """Kill runs of an engine, and start each again until it ends with the rows of an undisturbed run.

    Args:
        work: an empty folder.
        count: kills.
        seed: of ways and moments.
        engine: a name of `ENGINES`.
    """
    options, study = ENGINES[engine].options, declared(work)
    started(int).join()  # imports everything, so that runs do not
    undisturbed = Place(work / "undisturbed", study, options)
    start = time.perf_counter()
    undisturbed.finish()
    seconds, jobs = time.perf_counter() - start, len(undisturbed.jobs())
    tally = Tally({way: Counter() for way in ENGINES[engine].ways})
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: the counts so far
        while tally.kills < count and tally.runs < RUNS_A_KILL * count:
            place = Place(work / f"run{tally.runs}", study, options, jobs)
            try:
                if not _killed(place, ENGINES[engine], tally, random.Random(f"{seed} {engine} {tally.runs}"), seconds):
                    place.finish()
                compare(place, undisturbed)
            except WrongEnding as error:
                tally.wrong.append({"run": tally.runs, "ending": str(error)})
                click.echo(json.dumps(tally.wrong[-1]))
            else:
                again = place.again()
                tally.again, tally.again_s = tally.again + again.batches, max(tally.again_s, again.seconds)
                shutil.rmtree(place.folder)
            tally.runs += 1
            click.echo(f"{tally.kills} kills of {tally.runs} runs")
    facts = {
        "seed": seed,
        "seconds_undisturbed": round(seconds, 1),
        "rows": len(rows_of_run(undisturbed)),
        "kills": tally.kills,
        "runs": tally.runs,
        "kills_by_way_and_phase": {way: dict(counts) for way, counts in tally.phases.items()},
        "kills_that_left_temporary_files": tally.temporary,
        "store_faults_after_kills": tally.faults,
        "seconds_between_journal_lines": kill_work.SYNC_S,
        "batches_undisturbed": len(kill_work.appended(undisturbed.folder)),
        "batches_again_after_kills": tally.again,
        "seconds_again_at_most": round(tally.again_s, 3),
    }
    return endings_record(" ".join(("ablate run", *options)), "way", tally.phases, facts, tally.wrong)


def declared(folder: Path) -> Path:
    """Write the study's file, and make its tasks if they do not exist."""
    tasks = [str(big_tasks.make(size, folder / "tasks", max_epochs=MAX_EPOCHS)) for size in SIZES]
    path = folder / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump({**STUDY, "tasks": tasks}))
    return path


def _killed(place: Place, engine: Engine, tally: Tally, draw: random.Random, seconds: float) -> bool:
    """Kill a run up to `KILLS_A_RUN` times and start it again each time; return whether it ended by itself."""
    for way in draw.sample(list(engine.ways), KILLS_A_RUN):
        delay, aim = draw.uniform(EARLIEST_S, LATEST * seconds), draw.choice((None, None, *PHASES))
        running = place.launch()
        if engine.is_recorded and draw.random() < 0.5:
            enough = len(kill_work.appended(place.folder)) + draw.randint(1, MOST_BATCHES)
            running.until(lambda enough=enough: len(kill_work.appended(place.folder)) >= enough)
        else:
            running.process.join(delay)
            if aim:
                running.until(lambda aim=aim: place.phase() == aim)
                running.process.join(draw.uniform(0, INTO_S))
        phase = engine.ways[way](running, draw) if running.alive else ""
        if not phase:
            return not running.too_busy and running.expect(0) == 0
        tally.phases[way][phase] += 1
        tally.temporary += bool(place.temporary())
        tally.faults += len(faults(place))
        if running.process.exitcode == 0:
            return True
    return False


main = campaign_command(
    campaign, NAME, 30, click.option("--engine", type=click.Choice(list(ENGINES)), required=True, help="Of the runs.")
)

if __name__ == "__main__":
    main()
