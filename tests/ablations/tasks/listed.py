"""Lists of made clips, and what `ablate prepare` makes of them."""

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from ablations.cli import main
from tests.conftest import tone

LABELS = ("low", "high")


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def sound(number: int, rate: int = 16000, seconds: float = 0.4) -> np.ndarray:
    return tone((300, 1500)[number % 2] * (1 + 0.02 * number), seconds, rate)


def report(tmp_path: Path, name: str = "tones-v1") -> dict:
    """The report of a task that was made, or of one that was not."""
    made = tmp_path / name / "report.json"
    return json.loads((made if made.is_file() else tmp_path / "list.report.json").read_text())


def kinds(tmp_path: Path) -> set[str]:
    return {finding["kind"] for finding in report(tmp_path)["findings"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
