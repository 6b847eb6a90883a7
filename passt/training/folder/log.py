"""The log of a training: rows of a CSV file, those behind the step that it goes on from left out."""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from passt.fetch.files import write_text

LOG_FILE = "log.csv"


@dataclass(frozen=True)
class LogRow:
    """After `step` steps.

    Attributes:
        loss: the mean since the row before. lr: of the last step.
        mAP: of the evaluation, empty where there was none.
        clips_per_s: since the row before, without evaluations. seconds: of the whole training.
    """

    step: int
    loss: float
    lr: float
    mAP: float | str
    clips_per_s: float
    seconds: float


def begin(folder: Path, step: int) -> None:
    """The log with the rows up to `step`, a new one where there is none."""
    path = folder / LOG_FILE
    names = [field.name for field in fields(LogRow)]
    rows = []
    if path.is_file() and step:
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if None not in row.values() and int(row["step"]) <= step]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def append(folder: Path, row: LogRow) -> None:
    text = io.StringIO()
    values = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in asdict(row).items()}
    csv.DictWriter(text, list(values), lineterminator="\n").writerow(values)
    with (folder / LOG_FILE).open("a") as file:
        file.write(text.getvalue())
