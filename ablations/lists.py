"""Lists that a user hands in: CSV files with a header, read whole and checked by the line."""

import csv
from collections.abc import Sequence
from pathlib import Path

VOCABULARY_COLUMNS = ("label", "mid")  # HEAR's labelvocabulary.csv, AudioSet's class_labels_indices.csv
SEPARATOR = ","  # between the labels of a file


def read_lines(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file in UTF-8, by column, each with the number of its line.

    Raises:
        FileNotFoundError, ValueError: name the file and the column or the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list at {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            if absent := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise ValueError(f"{path}: must have the columns {', '.join(columns)}; {absent[0]} is absent")
            lines = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a table in UTF-8: {error}") from None
    for number, row in lines:
        if None in row or None in row.values():
            raise ValueError(f"{path}: line {number} must have {len(reader.fieldnames or ())} values")
    return lines


def read_list(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """`read_lines` without the numbers of the lines."""
    return [row for _, row in read_lines(path, columns)]


def split_labels(text: str, separator: str = SEPARATOR) -> tuple[str, ...]:
    """The labels in one value of a list."""
    return tuple(filter(None, map(str.strip, text.split(separator))))


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Labels in their order, from a CSV file's column `label` or `mid`.

    Raises:
        FileNotFoundError, ValueError: name the file and what it lacks.
    """
    rows = read_list(path, ())
    column = next((name for name in VOCABULARY_COLUMNS if rows and name in rows[0]), None)
    if column is None:
        raise ValueError(f"{path}: must have a column {' or '.join(VOCABULARY_COLUMNS)}")
    found = tuple(row[column] for row in rows)
    if len(set(found)) < len(found):
        raise ValueError(f"{path}: label {next(label for label in found if found.count(label) > 1)!r} is there twice")
    return found
