"""Corruptions of every kind of file in a store and in a run: each is repaired or refused, and never used.

    python -m tests.campaigns.corruptions --count 150 --out results/benchmarks/corruptions.json

Each attempt changes one file of a copy of a good store and run, runs `ablate store check`, and runs the study again
(without the earlier run if the file is the store's). Either the rows must be the same as before, or the run must end in
one line that names the fault.
"""

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from ablations.benchmarks.record import Record
from ablations.cli import main as ablate
from results.rows.rows import RESULT_COLUMNS
from tests.campaigns.children import RIGHT, Ending, attempt
from tests.campaigns.good import made_good
from tests.campaigns.record import campaign_command, endings_record

LIMIT_S = 60.0
RUN = Path("runs") / "good"
STORE = Path("store")


def kind_of(file: Path) -> str:
    """Return the kind of a file in the folder of a store and a run, such as "audio" or "job, npz"."""
    if file.is_relative_to(RUN):
        name = file.relative_to(RUN)
        return f"job, {file.suffix[1:]}" if name.parts[0] == "jobs" else name.name
    part = file.relative_to(STORE).parts[0]
    if part in ("audio", "hashes", "tasks"):
        return part
    if file.name.startswith("."):
        return "lock"
    return "index" if file.stem == "index" else {"npy": "tap", "json": "sums"}.get(file.suffix[1:], file.suffix)


def _flip(file: Path, draw: random.Random, _: list[Path]) -> None:
    content = bytearray(file.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)


def _digit(file: Path, draw: random.Random, siblings: list[Path]) -> None:
    content = file.read_bytes()
    places = [place for place, byte in enumerate(content) if byte in b"0123456789"]
    if not places:
        _flip(file, draw, siblings)
        return
    place = draw.choice(places)
    file.write_bytes(content[:place] + str((int(chr(content[place])) + 1) % 10).encode() + content[place + 1 :])


def _cut(file: Path, draw: random.Random, _: list[Path]) -> None:
    file.write_bytes(file.read_bytes()[: draw.randrange(file.stat().st_size)])


def _emptied(file: Path, *_: Any) -> None:
    file.write_bytes(b"")


def _longer(file: Path, draw: random.Random, _: list[Path]) -> None:
    file.write_bytes(file.read_bytes() + draw.randbytes(16))


def _removed(file: Path, *_: Any) -> None:
    file.unlink()


def _exchanged(file: Path, draw: random.Random, siblings: list[Path]) -> None:
    """Exchange a file with another one of its kind."""
    if not siblings:
        _removed(file)
        return
    other = draw.choice(siblings)
    contents = file.read_bytes(), other.read_bytes()
    file.write_bytes(contents[1])
    other.write_bytes(contents[0])


def _other_json(file: Path, draw: random.Random, siblings: list[Path]) -> None:
    if file.suffix == ".json":
        file.write_text(json.dumps(draw.choice(([], {}, None, "x", {"folds": []}))))
    else:
        _cut(file, draw, siblings)


WAYS: tuple[Callable[[Path, random.Random, list[Path]], None], ...] = (
    *(_flip, _digit, _cut, _emptied, _longer, _removed, _exchanged, _other_json),
)


def campaign(work: Path, count: int, seed: int) -> Record:
    """Corrupt files of a store and a run, one at a time; each must be repaired or refused.

    Args:
        work: an empty folder.
        count: corruptions.
        seed: of files and changes.
    """
    good, place = made_good(work).folder, work / "work"
    endings: dict[str, Counter[str]] = {}
    wrong, named_by_check = [], 0
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        for part in ("store", "runs"):
            shutil.copytree(good / part, place / part)
        rows = _rows(place)
        files = sorted(path.relative_to(place) for path in place.rglob("*") if path.is_file() and path.stat().st_size)
        kinds = sorted({kind_of(file) for file in files})
        kind = kinds[number % len(kinds)]
        siblings = [file for file in files if kind_of(file) == kind]
        file, way = draw.choice(siblings), draw.choice(WAYS)
        if file.is_relative_to(STORE):
            shutil.rmtree(place / "runs")
        size = (place / file).stat().st_size
        way(place / file, draw, [place / sibling for sibling in siblings if sibling != file])
        check = _check(work / "log", place)
        named_by_check += check.status == 1
        rerun = attempt(lambda: _run(good, place), work / "log", LIMIT_S)
        ending = _judged(rerun, check, place, rows)
        endings.setdefault(kind, Counter())[ending] += 1
        if ending not in ("made anew", "refused"):
            change = {"number": number, "file": str(file), "way": way.__name__[1:], "size": size, "ending": ending}
            wrong.append(change | {"check": check.output[-300:], "run": rerun.output[-300:]})
            click.echo(json.dumps(wrong[-1]))
        shutil.rmtree(place)
    total = dict(sum(endings.values(), Counter()))
    facts = {"seed": seed, "corruptions": count, "endings": total, "named_by_check": named_by_check}
    facts["by_kind"] = {kind: dict(sorted(counts.items())) for kind, counts in sorted(endings.items())}
    return endings_record(f"{count} corruptions of one file of a store and a run", "kind", endings, facts, wrong)


def _check(log: Path, work: Path) -> Ending:
    runs = ["--runs", str(work / RUN)] if (work / RUN).is_dir() else []
    arguments = ["store", "check", "--full", "--store", str(work / "store"), *runs]
    return attempt(lambda: ablate(arguments), log, LIMIT_S)


def _run(good: Path, work: Path) -> None:
    places = ["--runs", str(work / "runs"), "--store", str(work / "store")]
    ablate(["run", str(good / "good.yaml"), *places])


def _rows(work: Path) -> pd.DataFrame:
    return pd.read_csv(work / RUN / "rows.csv", dtype=str)[list(RESULT_COLUMNS)]


def _judged(rerun: Ending, check: Ending, work: Path, rows: pd.DataFrame) -> str:
    """Return "made anew", "refused", or the fault."""
    for ending in (check, rerun):
        if ending.kind not in RIGHT:
            return ending.kind
    if rerun.kind == "one-line error":
        return "refused"
    return "made anew" if _rows(work).equals(rows) else "other rows"


main = campaign_command(campaign, "corruptions", 150)

if __name__ == "__main__":
    main()
