"""The journal of a search's trials: one operation of Optuna a line, with a sum.

Lines of earlier versions have no sum, so the types of their fields are checked. Optuna itself checks nothing it reads.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from downstream.disk.fields import flag, list_of, mapping, shown, text, whole, wrong
from downstream.disk.locks import held
from downstream.disk.sums import CHANGED, SUM, seal_of

VARIANT = "variant"  # attribute of a trial: what it runs, see `storage.Content`
ADVICE = "move the journal away; the same command then begins its trials anew, and takes the jobs that are done"


class Journal(BaseJournalBackend):  # type: ignore[misc]  # checked without optuna
    """The file of a journal, for Optuna's storage.

    A line that a kill cut short counts as not written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._starts = [0]  # offset of each line that was read, and of the next one
        self._has_sums = False
        with held(self._lock), path.open("ab+") as file:
            file.seek(0)
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the operations from a line on.

        Raises:
            ValueError: a line was changed after it was written; names the line.
        """
        number = min(log_number_from, len(self._starts) - 1)
        with self.path.open("rb") as file:
            file.seek(self._starts[number])
            for place, line in enumerate(file, number):
                if not line.endswith(b"\n"):  # another process is writing it
                    return
                if place == len(self._starts) - 1:
                    self._starts.append(self._starts[-1] + len(line))
                if place >= log_number_from:
                    yield self._parsed(line, place)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations to the file."""
        with held(self._lock), self.path.open("rb+") as file:
            number = file.read().count(b"\n")
            for place, log in enumerate(logs, number):
                entry = json.loads(json.dumps(log))  # as it will be read
                file.write(json.dumps({**entry, SUM: seal_of(entry, str(place))}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _parsed(self, line: bytes, place: int) -> dict[str, Any]:
        where = f"{self.path}: line {place + 1}"
        try:
            log = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError(f"{where} is {CHANGED}; {ADVICE}") from None
        if not isinstance(log, dict) or SUM not in log:
            if self._has_sums:
                raise ValueError(f"{where} is {CHANGED}; {ADVICE}")
            return dict(_checked(log, where))
        self._has_sums = True
        operation: dict[str, Any] = log
        if operation.pop(SUM) != seal_of(operation, str(place)):
            raise ValueError(f"{where} is {CHANGED}; {ADVICE}")
        return operation


def _checked(log: Any, where: str) -> Mapping[str, Any]:
    """Check that the fields of an earlier version's operation have the types that Optuna writes."""
    fields = mapping(log, where, "an operation of a journal")
    for key, value in fields.items():
        if key not in FIELDS:
            raise ValueError(f"{where}: unknown key {shown(key)}; is it the journal of a search? {ADVICE}")
        FIELDS[key](value, f"{where}: {key}")
    return fields


def _number(value: Any, where: str) -> float:
    """Check a number, which may be infinite."""
    if type(value) not in (int, float) or value != value:
        raise wrong(value, where, "a number")
    return float(value)


def _numbers(value: Any, where: str) -> list[float]:
    return list_of(_number, value, where)


def _attributes(value: Any, where: str) -> Mapping[str, Any]:
    """Check the attributes of a search or a trial."""
    attributes = mapping(value, where)
    for key, check in ATTRIBUTES.items():
        if key in attributes:
            check(attributes[key], f"{where}, {key},")
    return attributes


def _variant(value: Any, where: str) -> Mapping[str, Any]:
    content = mapping(value, where)
    for key in ("key", "label", "spec", "protocol"):
        text(content.get(key), f"{where} {key}")
    text(content.get("worker", ""), f"{where} worker")
    return content


def _up_to(most: int) -> Callable[[Any, str], int]:
    return lambda value, where: whole(value, where, 0, most)


def _or_none(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, where: None if value is None else check(value, where)


ATTRIBUTES: Mapping[str, Callable[[Any, str], Any]] = {
    **{"declared": mapping, VARIANT: _variant, "again": whole, "repeat": flag, "reason": text},
}
FIELDS: Mapping[str, Callable[[Any, str], Any]] = {
    **{"op_code": _up_to(10), "state": _up_to(4), "study_id": _up_to(10**9), "trial_id": _up_to(10**9)},
    **dict.fromkeys(("worker_id", "study_name", "param_name", "distribution"), text),
    **dict.fromkeys(("datetime_start", "datetime_complete"), _or_none(text)),
    **dict.fromkeys(("intermediate_value", "param_value_internal"), _number),
    **{"value": _or_none(_number), "values": _or_none(_numbers), "directions": _numbers, "step": _up_to(10**9)},
    **dict.fromkeys(("user_attr", "user_attrs"), _attributes),
    **dict.fromkeys(("system_attr", "system_attrs", "params", "distributions", "intermediate_values"), mapping),
}
