"""The log of a training: rows of a CSV file.

Each row replaces the file, so that readers never see half a row.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from passt.fetch.files import write_text

LOG_FILE = "log.csv"


@dataclass(frozen=True)
class LogRow:
    """The state of a training after `step` steps.

    Attributes:
        step: steps of the optimizer so far; 0 is the row of the weights of a file that the training starts from.
        loss: mean since the row before; empty at step 0.
        lr: learning rate of the last step.
        mAP: mean average precision of the evaluation; empty if there was none at this step.
        clips_per_s: clips per second since the row before, without evaluations; empty at step 0.
        seconds: duration of the whole training so far.
    """

    step: int
    loss: float | str
    lr: float
    mAP: float | str
    clips_per_s: float | str
    seconds: float


COLUMNS = tuple(field.name for field in fields(LogRow))


def begin(folder: Path, step: int) -> None:
    """Start the log, or keep its rows up to `step`, after which the training resumes."""
    _write(folder, [row for row in _read(folder) if int(row["step"]) <= step] if step else [])


def append(folder: Path, row: LogRow) -> None:
    """Add a row to the log."""
    texts = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in asdict(row).items()}
    _write(folder, [*_read(folder), texts])


def _read(folder: Path) -> list[dict[str, str]]:
    """Read the rows, without the torn last row that an earlier version may have left."""
    if not (folder / LOG_FILE).is_file():
        return []
    with (folder / LOG_FILE).open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def _write(folder: Path, rows: Iterable[Mapping[str, object]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / LOG_FILE, text.getvalue())
