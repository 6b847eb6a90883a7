"""Progress bars with the time left, and the log, on the terminal's error stream."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from downstream.progress import Advance, Track
from results.tables.escapes import printable


def terminal() -> Console:
    """The terminal's error stream, on which bars and the log share the lines."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_time=False, show_path=False, show_level=False)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(handlers=[handler])
    for package in ("ablations", "downstream", "passt"):
        logging.getLogger(package).setLevel(logging.INFO)
    return console


class _Printable(logging.Formatter):
    """Messages in which names of files and labels are shown, and not obeyed by the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(printable, super().format(record).splitlines()))


@contextmanager
def bars(console: Console) -> Iterator[Track]:
    """A `Track` that draws a bar for each piece of work while it goes on."""
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:

        @contextmanager
        def track(description: str, total: float) -> Iterator[Advance]:
            bar = progress.add_task(printable(description), total=total)
            try:
                yield lambda amount: progress.advance(bar, amount)
            finally:
                progress.remove_task(bar)

        yield track
