"""Try every attack, each in a folder of its own.

    python -m tests.campaigns.attacks --work FOLDER --out results/benchmarks/attacks.json

The exit status is 1 where one succeeds.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

from ablations.system.machine import machine, versions
from downstream.disk.files import write_json
from tests.campaigns.attacks import cluster, inputs, runs, store
from tests.campaigns.attacks.place import Place
from tests.campaigns.bad_inputs import Good
from tests.campaigns.children import attempt
from tests.campaigns.record import PATH

THEMES = {"store": store.CASES, "inputs": inputs.CASES, "runs": runs.CASES, "ray": cluster.CASES}


def tried(case: Callable[[Place], None], place: Place) -> dict[str, Any]:
    """A case's record: PASS, or FAIL and why."""
    start = time.perf_counter()
    try:
        case(place)
        result = {"ending": "PASS"}
    except Exception as error:
        result = {"ending": "FAIL", "why": f"{type(error).__name__}: {error}"}
    right = " ".join((case.__doc__ or "").split())
    costs = {"seconds": round(time.perf_counter() - start, 1), "peak_mb": round(place.peak_mb)}
    return {"case": case.__name__, **result, "right": right, **costs}


@click.command(help="Try attacks that once succeeded; each has to end rightly.")
@click.option("--case", "names", multiple=True, help="Only this case.")
@click.option("--work", type=PATH, required=True, help="An empty folder.")
@click.option("--out", type=PATH, required=True, help="The JSON file to write.")
def main(names: tuple[str, ...], work: Path, out: Path) -> None:
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    made = attempt(lambda: Good.make(work / "good"), work / "log", 300)
    if made.kind != "taken":
        raise ValueError(f"the good inputs were not made: {made.output[-500:]}")
    records = []
    for theme, cases in THEMES.items():
        for case in cases:
            if names and case.__name__ not in names:
                continue
            place = Place(Good(work / "good"), work / "case")
            records.append({"theme": theme, **tried(case, place)})
            click.echo(f"{records[-1]['ending']} {case.__name__} {records[-1].get('why', '')}".rstrip())
            shutil.rmtree(place.folder)
    passed = sum(record["ending"] == "PASS" for record in records)
    about = {"command": "python -m tests.campaigns.attacks", "device": machine("cpu"), "versions": versions()}
    write_json(out, {**about, "cases": len(records), "passed": passed, "attacks": records})
    raise SystemExit(passed < len(records))


if __name__ == "__main__":
    main()
