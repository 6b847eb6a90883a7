"""Corruptions of every kind of file in a store and in a run: found, made anew, or refused; never taken for good.

    python -m tests.campaigns.corruptions --count 150 --out results/benchmarks/corruptions.json

Each attempt changes one file of a copy of a good store and run, asks `ablate store check` about it, and runs the study
again: from the store alone where the file was the store's. The rows have to be those of before, or the run has to say
in one line what is wrong.
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
import torch

from ablations.cli import main as cli
from results.rows.rows import RESULT_COLUMNS
from tests.campaigns.bad_inputs import Good
from tests.campaigns.children import Ending, attempt
from tests.campaigns.record import command_of

LIMIT_S = 60.0
RUN = Path("runs") / "good"
STORE = Path("store")


def kind_of(file: Path) -> str:
    """What a file below the folder of a store and a run is, such as "audio" or "job, npz"."""
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
        return _flip(file, draw, siblings)
    place = draw.choice(places)
    file.write_bytes(content[:place] + str((int(chr(content[place])) + 1) % 10).encode() + content[place + 1 :])
    return None


def _cut(file: Path, draw: random.Random, _: list[Path]) -> None:
    file.write_bytes(file.read_bytes()[: draw.randrange(file.stat().st_size)])


def _emptied(file: Path, *_: Any) -> None:
    file.write_bytes(b"")


def _longer(file: Path, draw: random.Random, _: list[Path]) -> None:
    file.write_bytes(file.read_bytes() + draw.randbytes(16))


def _removed(file: Path, *_: Any) -> None:
    file.unlink()


def _exchanged(file: Path, draw: random.Random, siblings: list[Path]) -> None:
    """Another file of its kind in its place, and it in the other's."""
    if not siblings:
        return _removed(file)
    other = draw.choice(siblings)
    contents = file.read_bytes(), other.read_bytes()
    file.write_bytes(contents[1])
    other.write_bytes(contents[0])
    return None


def _other_json(file: Path, draw: random.Random, siblings: list[Path]) -> None:
    if file.suffix != ".json":
        return _cut(file, draw, siblings)
    file.write_text(json.dumps(draw.choice(([], {}, None, "x", {"folds": []}))))
    return None


WAYS: tuple[Callable[[Path, random.Random, list[Path]], None], ...] = (
    *(_flip, _digit, _cut, _emptied, _longer, _removed, _exchanged, _other_json),
)


def campaign(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Corrupt `count` files, one at a time; a record to be written as JSON.

    Args:
        folder: an empty one, for what is made.
    """
    torch.set_num_threads(1)
    _expect_good(attempt(lambda: Good.make(folder / "good"), folder / "log", 300))
    work = folder / "work"
    endings: dict[str, Counter[str]] = {}
    wrong, checked = [], 0
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        for part in ("store", "runs"):
            shutil.copytree(folder / "good" / part, work / part)
        rows = _rows(work)
        files = sorted(path.relative_to(work) for path in work.rglob("*") if path.is_file() and path.stat().st_size)
        kinds = sorted({kind_of(file) for file in files})
        kind = kinds[number % len(kinds)]
        alike = [file for file in files if kind_of(file) == kind]
        file, way = draw.choice(alike), draw.choice(WAYS)
        if file.is_relative_to(STORE):
            shutil.rmtree(work / "runs")
        before = (work / file).read_bytes()
        way(work / file, draw, [work / other for other in alike if other != file])
        check = _check(folder, work)
        checked += check.status == 1
        ending = attempt(lambda: _run(folder / "good", work), folder / "log", LIMIT_S)
        what = _judged(ending, check, work, rows)
        endings.setdefault(kind, Counter())[what] += 1
        if what not in ("made anew", "refused"):
            about = {"number": number, "file": str(file), "way": way.__name__[1:], "size": len(before), "ending": what}
            wrong.append(about | {"check": check.output[-300:], "run": ending.output[-300:]})
            click.echo(json.dumps(wrong[-1]))
        shutil.rmtree(work)
    total = sum(endings.values(), Counter())
    by_kind = {kind: dict(sorted(counts.items())) for kind, counts in sorted(endings.items())}
    about = {"seed": seed, "corruptions": count, "endings": dict(total), "named_by_check": checked}
    return about | {"by_kind": by_kind, "wrong": wrong}


def _check(folder: Path, work: Path) -> Ending:
    runs = ["--runs", str(work / RUN)] if (work / RUN).is_dir() else []
    arguments = ["store", "check", "--full", "--store", str(work / "store"), *runs]
    return attempt(lambda: cli.main(arguments), folder / "log", LIMIT_S)


def _run(good: Path, work: Path) -> None:
    places = ["--runs", str(work / "runs"), "--store", str(work / "store")]
    cli.main(["run", str(good / "good.yaml"), *places])


def _rows(work: Path) -> pd.DataFrame:
    return pd.read_csv(work / RUN / "rows.csv", dtype=str)[list(RESULT_COLUMNS)]


def _judged(ending: Ending, check: Ending, work: Path, rows: pd.DataFrame) -> str:
    """ "made anew", "refused", or what went wrong."""
    for one in (check, ending):
        if one.kind in ("traceback", "hang", "crash", "silent"):
            return one.kind
    if ending.kind == "one-line error":
        return "refused"
    return "made anew" if _rows(work).equals(rows) else "other rows"


def _expect_good(ending: Ending) -> None:
    if ending.kind != "taken":
        raise ValueError(f"the good store and run were not made: {ending.output[-500:]}")


main = command_of("corruptions", campaign, 150)

if __name__ == "__main__":
    main()
