"""Read ``<split>.target-labels.pkl``, the label names of every row.

Nothing in the pickle is run.
"""

import io
import pickle
import pickletools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from downstream.disk.fields import shown
from downstream.disk.files import read_whole

PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


class _PlainUnpickler(pickle.Unpickler):
    """Admits only lists, strings and numbers, which a pickle need not import."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it holds {module}.{name}, expected only lists, strings and numbers")


def read_labels(path: Path, vocabulary: Sequence[str], exactly_one: bool) -> list[list[str]]:
    """Read the label names of each row.

    Args:
        vocabulary: the known labels.
        exactly_one: whether each row must have exactly one label (multiclass), rather than any number.

    Raises:
        ValueError: names the file, and the row that is wrong.
    """
    rows = _load(path)
    if not isinstance(rows, list):
        raise ValueError(f"{path}: expected a list of lists of labels, got {type(rows).__name__}")
    known = set(vocabulary)
    return [_row(path, number, row, known, exactly_one) for number, row in enumerate(rows)]


def _load(path: Path) -> Any:
    data = read_whole(path)
    try:
        _check_places(data)
        return _PlainUnpickler(io.BytesIO(data)).load()
    except Exception as error:  # a broken pickle can raise nearly anything
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: {len(data)} bytes, not a pickled list of label names: {reason}") from None


def _check_places(data: bytes) -> None:
    """Raise UnpicklingError for a memo place beyond the file's size.

    Unpickling would make all places up to it.
    """
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in PUTS and argument is not None and argument > len(data):
            raise pickle.UnpicklingError(f"it puts something at place {argument:.6g}, expected at most {len(data)}")


def _row(path: Path, number: int, row: Any, known: set[str], exactly_one: bool) -> list[str]:
    if not isinstance(row, list) or not all(type(label) in (str, int, float) for label in row):
        raise ValueError(f"{path}: row {number}: expected a list of labels, got {shown(row)}")
    if exactly_one and len(row) != 1:
        raise ValueError(f"{path}: row {number}: expected exactly one label (multiclass), got {shown(row)}")
    names = [shown(label) if type(label) is int else str(label) for label in row]
    for name in names:
        if name not in known:
            raise ValueError(f"{path}: row {number}: label {name!r} is not in labelvocabulary.csv")
    return names
