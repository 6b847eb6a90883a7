"""Progress bars and the log, on the terminal's error stream."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from downstream.progress import Advance, Track
from results.tables.escapes import printable

LEFT = (TextColumn("left"), TimeRemainingColumn())


def terminal() -> Console:
    """Send the log to the terminal's error stream, and return that stream for progress bars."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_time=False, show_path=False, show_level=False)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler])
    for package in ("ablations", "downstream", "passt"):
        logging.getLogger(package).setLevel(logging.INFO)
    return console


class _Printable(logging.Formatter):
    """Escape control characters, which names of files and labels may contain."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, line by line."""
        return "\n".join(map(printable, super().format(record).splitlines()))


def bars(console: Console) -> AbstractContextManager[Track]:
    """A `Track` that draws a bar for each piece of work while it lasts."""
    name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return _bars(Progress(*columns, *LEFT, console=console, transient=True, expand=True))


def byte_bars(console: Console) -> AbstractContextManager[Track]:
    """A `Track` that draws a bar in bytes for each file while it is fetched.

    It draws nothing unless a terminal shows it.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    return _bars(Progress(*columns, *LEFT, console=console, transient=True, disable=not console.is_terminal))


@contextmanager
def _bars(progress: Progress) -> Iterator[Track]:
    with progress:

        @contextmanager
        def track(description: str, total: float) -> Iterator[Advance]:
            bar = progress.add_task(printable(description), total=total or None)
            try:
                yield lambda amount: progress.advance(bar, amount)
            finally:
                progress.remove_task(bar)

        yield track
