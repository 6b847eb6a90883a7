"""What `ablate field` prints and writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from ablations.receptive_field.measure import Field
from results import figures
from results.figures.field import field_curves
from results.rows.files import replacing, write_text
from results.tables.escapes import markdown, markdown_table, printable


def _ms(row: Any, part: int) -> str:
    return f"{getattr(row, f'ms_{part}'):.0f}"


def _ends(row: Any, part: int) -> str:
    start, stop = (round(getattr(row, f"{end}_{part}")) + 0 for end in ("start", "stop"))
    return f"{start:+d} to {stop:+d}"


def _spread(row: Any, part: int) -> str:
    return f"{getattr(row, f'ms_{part}_low'):.0f} to {getattr(row, f'ms_{part}_high'):.0f}"


COLUMNS: dict[str, Callable[[Any], str]] = {
    "level": lambda row: str(row.level),
    "window\nms": lambda row: "own" if pd.isna(row.window_ms) else f"{row.window_ms:.0f}",
    "nominal\nms": lambda row: (
        "?" if pd.isna(row.nominal_start) else f"{row.nominal_start:+.0f} to {row.nominal_stop:+.0f}"
    ),
    "method": lambda row: str(row.method),
    "50 %\nms": lambda row: _ms(row, 50),
    "of clips\n(95 %)": lambda row: _spread(row, 50),
    "from, to": lambda row: _ends(row, 50),
    "95 %\nms": lambda row: _ms(row, 95),
    "of clips\n(95 %) ": lambda row: _spread(row, 95),
    "from, to ": lambda row: _ends(row, 95),
    "behind": lambda row: f"{row.future:.2f}",
}
"""The columns that are printed: their heads, and how a row is written."""
TEXTS = ("level", "method")


def to_text(measured: Field) -> str:
    """Write the table of numbers, and what a reader must know of it."""
    heads, body = list(COLUMNS), _body(measured)
    align = ["left" if head in TEXTS else "right" for head in heads]
    table = tabulate(body, heads, disable_numparse=True, colalign=align)
    return "\n\n".join([printable(measured.model), table, *map(printable, _remarks(measured))])


def to_markdown(measured: Field, command: str) -> str:
    """Write the same as a page in Markdown, with the command that makes it."""
    heads = [" ".join(head.split()) for head in COLUMNS]
    table = pd.DataFrame([dict(enumerate(row)) for row in _body(measured)])
    text = markdown_table(table, index=False, headers=heads, disable_numparse=True)
    heading = f"# {markdown(measured.model)}: effective receptive fields\n\n`{printable(command)}`"
    return "\n\n".join([heading, text, *map(markdown, _remarks(measured))]) + "\n"


def write(measured: Field, folder: Path, command: str) -> list[Path]:
    """Write field.csv (curves), field.json (numbers and facts), field.md and field.png; return the files.

    Args:
        folder: its files of these names are replaced, and no others.
        command: that makes them.
    """
    curves, numbers, page = (folder / f"field.{suffix}" for suffix in ("csv", "json", "md"))
    with replacing(curves) as file:
        table = measured.curves
        table.assign(window_ms=table["window_ms"].astype("Int64")).to_csv(file, index=False, float_format="%.6g")
    rows = json.loads(measured.numbers.to_json(orient="records", double_precision=6))
    content = {"command": command, "model": measured.model, **measured.facts, "numbers": rows}
    write_text(numbers, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_text(page, to_markdown(measured, command))
    title = printable(measured.model).replace("$", r"\$")
    return [
        curves,
        numbers,
        page,
        figures.save(field_curves(measured.numbers, measured.curves, title), folder / "field", ["png"]),
    ]


def _body(measured: Field) -> list[list[str]]:
    rows = measured.numbers[measured.numbers["reason"] == ""]
    return [[printable(write(row)) for write in COLUMNS.values()] for row in rows.itertuples()]


def _remarks(measured: Field) -> list[str]:
    facts, numbers = measured.facts, measured.numbers
    short = f" ({facts['shorter_clips']} shorter ones were passed over)" if facts["shorter_clips"] else ""
    replaced = "the same stretch of another clip" if facts["replacement"] == "sound" else "silence"
    stretches = " and ".join(f"{value:g}" for value in sorted(numbers["stretch_ms"].unique()))
    lines = [
        "Shortest intervals that hold 50 and 95 % of the effect, in ms relative to the timestamp, and the share behind "
        f"it. {facts['clips']} clips of {facts['sound']}{short}; stretches of {stretches} ms, replaced by {replaced}."
    ]
    if facts["gradients"]:
        lines.append(f"Gradients: {facts['gradients'].removeprefix('no gradients: ')}.")
    absent = numbers[numbers["reason"] != ""].drop_duplicates(["level", "window_ms"])
    return lines + [f"{row.level}: no receptive field, {row.reason}." for row in absent.itertuples()]
