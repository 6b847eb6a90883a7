"""The tests that need a GPU, each with its outcome: a file of tests after the other, so that a cut run tells."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablations.benchmarks.record import Record

ROOT = Path(__file__).parents[4]
MARKER = "mark.gpu"
COLUMNS = {"test": "", "outcome": "", "seconds": "", "message": "the last line of a failure, or why it was skipped"}


class Outcomes:
    """A plugin of pytest that collects the outcome of each test.

    Attributes:
        rows: of `COLUMNS`.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take the report of a test's phase: that of its call, or the one that ended it earlier or failed later."""
        if report.when == "call" or report.outcome != "passed":
            self.rows.append(_row(report.nodeid, report.outcome, report.duration, report.longrepr))

    def pytest_collectreport(self, report: Any) -> None:
        """Take the report of a file that can't be imported."""
        if report.outcome == "failed":
            self.rows.append(_row(report.nodeid, "not collected", 0.0, report.longrepr))


def measure(device: str, most: int | None = None) -> Iterator[Record]:
    """Run the marked tests of one file after the other, and yield what is known after each.

    Args:
        device: where there is no GPU, the tests are skipped.
        most: files at most; None is all of them.
    """
    import pytest

    outcomes, start = Outcomes(), time.perf_counter()
    files = marked_files()[:most]
    for number, file in enumerate(files, 1):
        arguments = ["-m", "gpu", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), str(file)]
        status = int(pytest.main(arguments, plugins=[outcomes]))
        if status not in (0, 1, 5):  # all passed, some failed, none chosen
            outcomes.rows.append(_row(str(file.relative_to(ROOT)), "not run", 0.0, f"pytest ended with {status}"))
        counts = Counter(str(row["outcome"]) for row in outcomes.rows)
        ended = f"{number} of {len(files)} files with marked tests, {time.perf_counter() - start:.0f} s"
        text = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        yield Record(f"{ended}: {text}", list(outcomes.rows), COLUMNS, facts={"counts": dict(counts)}, device=device)


def marked_files() -> list[Path]:
    """Find the test files that mention the marker.

    Raises:
        FileNotFoundError: there are no tests; they are in a checkout, not in an installed package.
    """
    files = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if MARKER in path.read_text(encoding="utf-8"))
    if not files:
        raise FileNotFoundError(f"{ROOT / 'tests'}: no tests that need a GPU, expected a checkout of the project")
    return files


def _row(test: str, outcome: str, seconds: float, trouble: Any) -> dict[str, Any]:
    if isinstance(trouble, tuple):  # of a skipped test: file, line, reason
        message = str(trouble[-1])
    else:
        crash = getattr(trouble, "reprcrash", None)
        lines = str(crash.message if crash else trouble or "").strip().splitlines()
        message = (lines[0] if crash else lines[-1]) if lines else ""
    return dict(zip(COLUMNS, (test, outcome, seconds, message), strict=True))
