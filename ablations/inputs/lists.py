"""Read lists that a user writes: CSV files with a header, checked line by line."""

from collections.abc import Sequence
from pathlib import Path

from downstream.disk.fields import shown
from downstream.disk.text_file import CsvLine, read_csv

VOCABULARY_COLUMNS = ("label", "mid")  # HEAR's labelvocabulary.csv, AudioSet's class_labels_indices.csv
SEPARATOR = ","  # between the labels of a file


def read_lines(path: Path, columns: Sequence[str]) -> list[CsvLine]:
    """Read the rows of a CSV file in UTF-8.

    Args:
        path: the file.
        columns: the columns that it must have.

    Returns:
        The number of each row's line, and its values by column.

    Raises:
        FileNotFoundError, ValueError: names the file and the column or the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list at {path}")
    return read_csv(path, columns)


def split_labels(text: str, separator: str = SEPARATOR) -> tuple[str, ...]:
    """Split the labels in one value of a list."""
    return tuple(filter(None, map(str.strip, text.split(separator))))


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Read the labels of a vocabulary in order, from the column `label` or `mid` of a CSV file.

    Raises:
        FileNotFoundError, ValueError: names the file and what is wrong with it.
    """
    rows = read_lines(path, ())
    column = next((name for name in VOCABULARY_COLUMNS if rows and name in rows[0][1]), None)
    if column is None:
        raise ValueError(f"{path}: must have a column {' or '.join(VOCABULARY_COLUMNS)}, and a label at least")
    lines: dict[str, int] = {}
    for line, row in rows:
        label = row[column].strip()
        if not label:
            raise ValueError(f"{path}: line {line}: {column} must not be empty")
        if label in lines:
            raise ValueError(f"{path}: line {line}: label {shown(label)} is there twice, first in line {lines[label]}")
        lines[label] = line
    return tuple(lines)
