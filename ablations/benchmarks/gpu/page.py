"""The page of a GPU's measurements, made anew from the files of the parts."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ablations.benchmarks.gpu import files, hear
from ablations.benchmarks.gpu.bars import BARS
from ablations.benchmarks.gpu.files import RUNNING, PartFile, StepFile
from ablations.benchmarks.gpu.parts import PARTS, Part, Step
from ablations.benchmarks.record import table_text
from downstream.disk.files import write_atomically
from results.tables.escapes import markdown_table

HEAD = """# On a GPU

`make gpu` ([how](../../docs/gpu.md)) writes this page and the files that it is made of; nothing is typed by hand. Both
sides of a ratio were measured in one run, and weights are untrained or packaged: no number here is a score. The file of
a part says what each column means, with the versions.
"""
NOT_RUN = "Not run on a GPU yet."
REHEARSED = "This is a rehearsal of small sizes: its numbers mean nothing."
HEAR = """The published sizes of the 19 tasks times the rates of the parts below: one variant, the base model's logits
and features in bf16, probes by the whole protocol with as many epochs a fit as ESC-10 took
([probes_cpu.json](probes_cpu.json)). Epochs of other sizes lie on the line through the two sizes that were measured.
Seconds are added up, although reading, network and store overlap; downloads are not in it.
"""


def write(folder: Path) -> None:
    """Write the page beside the folder of the parts' files."""
    path, page = folder.parent / f"{folder.name}.md", text(folder)
    write_atomically(path, lambda file: file.write(page.encode()))


def text(folder: Path) -> str:
    """Return the page of a folder of parts' files."""
    parts = {part.name: file for part in PARTS if (file := files.read(folder, part.name))}
    return "\n\n".join(part.strip("\n") for part in _sections(parts, folder.name)) + "\n"


def _sections(parts: dict[str, PartFile], place: str) -> Iterator[str]:
    yield HEAD
    yield _where(parts)
    yield "## Bars"
    rehearsed = any(file.rehearsal for file in parts.values())
    rows = [bar.row(parts) | ({"met": ""} if rehearsed else {}) for bar in BARS]
    yield markdown_table(pd.DataFrame(rows), index=False)
    yield "## All of HEAR"
    table = hear.estimate(parts)
    if table is None:
        yield "Not computed: it needs the parts embeddings, probes, study and scoring."
    else:
        yield HEAR
        yield f"{hear.total_seconds(table) / 60:.0f} minutes in all, {hear.total_seconds(table):.0f} s."
        rates = hear.rates_of(parts)
        assert rates is not None, "the table is made of them"
        yield hear.in_words(rates)
        yield table_text(table)
        yield _meanings(hear.COLUMNS)
    for part in PARTS:
        yield f"## {part.title}"
        file = parts.get(part.name)
        if file is None:
            yield f"Not run; it has {part.seconds} s at most."
        else:
            yield from _part(part, file, place)


def _where(parts: dict[str, PartFile]) -> str:
    """Say what was measured where."""
    if not parts:
        return NOT_RUN
    devices = sorted({file.device for file in parts.values() if file.device})
    versions = sorted({file.versions["torch"] for file in parts.values() if "torch" in file.versions})
    count, codes = len(parts), {file.code for file in parts.values()}
    lines = [f"{', '.join(devices)}; torch {', '.join(versions)}; {count} of {len(PARTS)} parts have run."]
    if not any(file.kind == "cuda" for file in parts.values()):
        lines.append(NOT_RUN)
    if any(file.rehearsal for file in parts.values()):
        lines.append(REHEARSED)
    if len(codes) > 1:
        lines.append(f"The parts are of {len(codes)} states of the code: `code` in their files tells which.")
    return " ".join(lines)


def _part(part: Part, file: PartFile, place: str) -> Iterator[str]:
    state = "cut" if file.state == RUNNING else file.state
    reason = f": {file.reason}" if file.reason else ""
    yield f"[{part.name}.json]({place}/{part.name}.json): {state} after {file.seconds:.0f} s{reason}"
    found = {step.step: step for step in file.steps}
    for step in part.steps:
        result = found.get(step.name)
        if result is None and file.rehearsal and step.rehearsal is None:
            continue
        if result is None:
            yield f"### {step.name}\n\nNot run."
        else:
            yield from _step(step, result)


def _step(step: Step, result: StepFile) -> Iterator[str]:
    yield f"### {step.name}"
    if result.failure:
        yield f"Failed after {result.seconds:.0f} s: {result.failure}"
        return
    yield f"{result.what} ({result.seconds:.0f} s)"
    if result.rows:
        table = pd.DataFrame(result.rows)
        shown = [name for name in step.columns or table.columns if name in table.columns]
        yield table_text(table[shown])


def _meanings(columns: dict[str, str]) -> str:
    return "; ".join(f"{name}: {meaning}" for name, meaning in columns.items() if meaning)
