"""Progress bars with the time left, on the terminal's error stream."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from downstream.progress import Advance, Track


@contextmanager
def bars(console: Console) -> Iterator[Track]:
    """A `Track` that draws a bar for each piece of work while it goes on."""
    columns = (
        TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:

        @contextmanager
        def track(description: str, total: float) -> Iterator[Advance]:
            bar = progress.add_task(description, total=total)
            try:
                yield lambda amount: progress.advance(bar, amount)
            finally:
                progress.remove_task(bar)

        yield track
