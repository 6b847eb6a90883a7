"""Read text files that people write: UTF-8, strict JSON, strict CSV.

A byte order mark is accepted.

Anything else is an error of one line: the file, the line, what it holds and what to do.
"""

import codecs
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from downstream.disk.fields import shown
from downstream.disk.files import read_whole

MARKS = (  # UTF-32 first, since its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
OTHER_SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}
CsvLine = tuple[int, dict[str, str]]
"""A row of a CSV file: the number of its first line, and its values by column."""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, without a byte order mark.

    Raises:
        FileNotFoundError: names the file.
        ValueError: names a file that does not fit the memory, or is of another encoding, with the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    data = read_whole(path)
    for mark, name in MARKS:
        if data.startswith(mark):
            raise ValueError(f"{path}: is in {name}, expected UTF-8; save it as UTF-8")
    if data[:2].count(0) == 1:  # two letters of UTF-16
        raise ValueError(f"{path}: looks like UTF-16, expected UTF-8; save it as UTF-8")
    try:
        return data.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"line {line} holds the byte 0x{data[error.start]:02x}"
        raise ValueError(f"{path}: not in UTF-8: {byte}; it may be Latin-1 or Windows-1252, save it as UTF-8") from None


def read_json(path: Path) -> Any:
    """The value of a JSON file in which no object has a key twice.

    Raises:
        FileNotFoundError, ValueError: name the file and what is wrong with it.
    """
    content = read_text(path)
    try:
        return json.loads(content, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, not JSON: {error}") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    distinct = dict(pairs)
    if len(distinct) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {shown(next(key for key in keys if keys.count(key) > 1))} is there twice")
    return distinct


def read_csv(path: Path, columns: Sequence[str] = (), padded: bool = True) -> list[CsvLine]:
    """The rows of a CSV file with a header; lines without any value are left out.

    Args:
        columns: the required ones. Names of columns are compared without case and padding.
        padded: whether spaces behind a separator are padding, rather than part of a value.

    Raises:
        FileNotFoundError, ValueError: name the file, and the column or the line.
    """
    content = read_text(path)
    first = next(filter(str.strip, content.splitlines()), "")
    separator = next((mark for mark in OTHER_SEPARATORS if mark in first), None)
    if separator and "," not in first:
        raise ValueError(f"{path}: columns are separated by {OTHER_SEPARATORS[separator]}, expected commas")
    lines = _lines(path, content, padded)
    names = [name.strip().casefold() for name in lines[0][1]] if lines else []
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise ValueError(f"{path}: the column {twice[0]} is there twice, expected one of each name")
    if absent := [name for name in columns if name.casefold() not in names]:
        got = ", ".join(filter(None, names)) or "an empty file"
        expected = ", ".join(columns)
        raise ValueError(f"{path}: must have the columns {expected}; {absent[0]} is absent, line 1 has {got:.200}")
    for line, values in lines[1:]:
        if len(values) < len(names) or any(values[len(names) :]):
            raise ValueError(f"{path}: line {line} must have {len(names)} values, got {len(values)}")
    return [
        (line, {name: value for name, value in zip(names, values, strict=False) if name}) for line, values in lines[1:]
    ]


def _lines(path: Path, content: str, padded: bool) -> list[tuple[int, list[str]]]:
    """The rows that have any value, each with the number of its first line."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True, skipinitialspace=padded)
    rows, line = [], 1
    try:
        for values in reader:
            if swallowed := _swallows_lines(values):
                reaches = f"the quoted value {shown(swallowed)} goes on to line {reader.line_num}"
                raise ValueError(f"{path}: line {line}: {reaches}; a quote is missing, or one too many")
            if any(map(str.strip, values)):
                rows.append((line, values))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}: line {line}: not a row of a CSV file, look at its quotes: {error}") from None
    return rows


def _swallows_lines(values: Sequence[str]) -> str | None:
    """A value that holds a line break and a separator; None without one.

    It holds whole rows behind a stray quote.
    """
    broken = (value for value in values if "\n" in value or "\r" in value)
    return next((value for value in broken if "," in value or len(values) == 1), None)
