"""Try every attack, each in a folder of its own.

    python -m tests.campaigns.attacks --work FOLDER --out results/benchmarks/attacks.json

If one succeeds, the exit status is 1.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from ablations.benchmarks.record import Record, command_line
from tests.campaigns.attacks import cluster, inputs, runs, store
from tests.campaigns.attacks.place import Place
from tests.campaigns.good import made_good
from tests.campaigns.record import WORK

THEMES = {"store": store.CASES, "inputs": inputs.CASES, "runs": runs.CASES, "ray": cluster.CASES}


def campaign(cases: Sequence[str], work: Path) -> Record:
    """Try attacks that once succeeded; each must end in the right way.

    Args:
        cases: names of attacks; none are all.
        work: an empty folder.
    """
    good, attacks = made_good(work), []
    for theme, case in ((theme, case) for theme, themed in THEMES.items() for case in themed):
        if cases and case.__name__ not in cases:
            continue
        place = Place(good, work / "case")
        attacks.append({"theme": theme, **tried(case, place)})
        click.echo(f"{attacks[-1]['ending']} {case.__name__} {attacks[-1].get('why', '')}".rstrip())
        shutil.rmtree(place.folder)
    passed = sum(attack["ending"] == "PASS" for attack in attacks)
    return Record(
        "Attacks that once succeeded, each in a folder of its own",
        facts={"cases": len(attacks), "passed": passed, "attacks": attacks},
        table=pd.DataFrame(attacks, columns=["theme", "case", "ending", "seconds", "peak_mb"]),
        failure=f"{len(attacks) - passed} attacks succeeded" if passed < len(attacks) else "",
    )


def tried(case: Callable[[Place], None], place: Place) -> dict[str, Any]:
    """Try an attack; the ending is PASS, or FAIL with the reason."""
    start = time.perf_counter()
    try:
        case(place)
        result = {"ending": "PASS"}
    except Exception as error:
        result = {"ending": "FAIL", "why": f"{type(error).__name__}: {error}"}
    right = " ".join((case.__doc__ or "").split())
    costs = {"seconds": round(time.perf_counter() - start, 1), "peak_mb": round(place.peak_mb)}
    return {"case": case.__name__, **result, "right": right, **costs}


CASES = click.option("--case", "cases", multiple=True, help="Only this case.")
main = command_line(campaign, "python -m tests.campaigns.attacks", CASES, WORK, progress=False)

if __name__ == "__main__":
    main()
