"""Run: the folder of a run as a value that shows its table; nothing is read until it is asked for."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from results.load import load as load_rows
from results.rows.rows import read_rows
from results.scores.records import NotApplicable, RecordedFailure, read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ablations.door.comparison import Comparison
    from results.tables.formats import Table


@dataclass(frozen=True)
class Run:
    """A run that has been made. It shows itself as its table in a notebook, and as text elsewhere.

    Args:
        folder: of its files.

    Raises:
        FileNotFoundError: a folder that is no run.
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "rows.csv").is_file():
            raise no_run(self.folder)

    @functools.cached_property
    def rows(self) -> pd.DataFrame:
        """One row a score, as `ablations.load` gives them."""
        return load(self)

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """The primary scores as numbers, models x tasks."""
        return scores(self)

    @functools.cached_property
    def table(self) -> "Table":
        """The table of models x tasks: means with their spreads, and notes."""
        return table(self)

    @property
    def failures(self) -> tuple[RecordedFailure, ...]:
        """What could not be run, and why."""
        record = read_record(self.folder)
        return record.failures if record else ()

    @property
    def not_applicable(self) -> tuple[NotApplicable, ...]:
        """Models that have no embedding for a task, and why."""
        record = read_record(self.folder)
        return record.not_applicable if record else ()

    @property
    def is_measured(self) -> bool:
        """Whether it has any score."""
        return not read_rows(self.folder).empty

    def figure(self, kind: str | None = None, **options: Any) -> "Figure":
        """Draw the run's own figure, or one of another kind, see `ablations.figure`."""
        return figure(self, kind, **options)

    def compare(self, *models: str | Iterable[tuple[str, str]], **options: Any) -> "Comparison":
        """Compare models on the same test clips, see `ablations.compare`."""
        return compare(self, *models, **options)

    def __repr__(self) -> str:
        table = str(self.table) if self.is_measured else "Nothing was measured."
        return "\n\n".join([f"Run {self.folder}", table, *self._remarks()])

    def _repr_html_(self) -> str:
        from results.tables.formats import FORMATS

        written = FORMATS["html"]
        table = written.write(self.table) if self.is_measured else written.line("Nothing was measured.")
        return "\n".join([table, *map(written.line, self._remarks())])

    def _remarks(self) -> list[str]:
        """What the table does not show, a line each."""
        failed = (f"Failed: {failure}" for failure in self.failures)
        return [*failed, *(f"Not applicable: {cell}" for cell in self.not_applicable)]


RunLike = Run | str | Path
"""A run, its folder, or its name in ./runs."""


def folder_of(run: RunLike) -> Path:
    """The folder of a run.

    Raises:
        FileNotFoundError: a folder that is no run.
    """
    if isinstance(run, Run):
        return run.folder
    if not isinstance(run, str | Path):
        raise ValueError(f"a run must be a Run or the folder of one, got {type(run).__name__}")
    places = (Path(run), Path("runs") / run)
    for place in places:
        if (place / "rows.csv").is_file():
            return place
    raise no_run(run)


def no_run(place: str | Path) -> FileNotFoundError:
    """The error for a folder that is no run."""
    return FileNotFoundError(f"{place}: no folder of a run: expected one with rows.csv, such as runs/quickstart")


def load(runs: RunLike | Iterable[RunLike], reference: Iterable[str] = ()) -> pd.DataFrame:
    """Load the rows of one or several runs, one row a score, with level, window_ms, hop_ms and is_primary as columns.

    Args:
        runs: a run, its folder, or its name in ./runs; or several.
        reference: published scores to add, such as "leaderboard" (`ablate reference` lists them).

    Raises:
        FileNotFoundError: a folder that is no run.

    >>> import results
    >>> rows = load(Path(results.__file__).parent / "runs" / "demos")
    >>> rows.loc[rows["is_primary"], ["window_ms", "score"]].dtypes.astype(str).tolist()
    ['float64', 'float64']
    """
    several = [runs] if isinstance(runs, Run | str | Path) else list(runs)
    return load_rows([folder_of(run) for run in several], reference)


Runs: TypeAlias = "RunLike | pd.DataFrame | Iterable[RunLike]"
"""Runs, or the rows that `load` gave of them."""


def scores(runs: Runs, *, published: bool = False) -> pd.DataFrame:
    """Give the primary scores as numbers, models x tasks: means over folds and seeds, NaN where there is none.

    Args:
        runs: one or several runs, or rows of them.
        published: whether to add published scores of the same tasks.

    Raises:
        ValueError: a task was scored by several metrics, which do not compare.

    >>> import results
    >>> demos = scores(Path(results.__file__).parent / "runs" / "demos")
    >>> demos.index.name, demos.columns.name, bool(demos.loc["passt_demo"].max() <= 1)
    ('model', 'task', True)
    """
    from results.scores.wide import arranged

    return arranged(_rows(runs), published=published)


def table(runs: Runs, *, level_weights: bool = False, **options: Any) -> "Table":
    """Make the table of models x tasks: means with their spreads, the best set bold, and notes.

    Args:
        runs: one or several runs, or rows of them.
        level_weights: whether to show the weights that probes learned for levels instead, levels x tasks.
        options: those of `results.tables.compose.compose`, such as means, by_category, interval and transposed.
    """
    if level_weights:
        from results.tables.level_weights import weights_table

        return weights_table(_rows(runs), **options)
    from results.tables.compose import compose

    return compose(_rows(runs), **options)


def figure(runs: Runs, kind: str | None = None, title: str | None = None, **options: Any) -> "Figure":
    """Draw a figure.

    Args:
        runs: one or several runs, or rows of them.
        kind: a name of `results.figures.FIGURES`; None for the one that the run's study names, or bars.
        title: None for the name of the study.
        options: of the figure, such as ax, palette, order and notes. A run's own figure says below what the comparisons
            of its study establish, unless options are given.
    """
    from ablations.report.draw import draw, draw_or_bars
    from ablations.report.statement import run_statement

    one = runs if isinstance(runs, Run | str | Path) else None
    record = read_record(folder_of(one)) if one is not None else None
    rows = _rows(runs)
    names = dict.fromkeys(name for name in rows["study"] if name)
    title = " and ".join(names) if title is None else title
    if kind is None and not options:
        statement = "" if one is None else run_statement(folder_of(one))
        return draw_or_bars(rows, record.figure if record else "bars", title, statement=statement)
    return draw(rows, kind or (record.figure if record else "bars"), title, **options)


def compare(
    run: RunLike, *models: str | Iterable[tuple[str, str]], pairs: Iterable[tuple[str, str]] = (), **options: Any
) -> "Comparison":
    """Say which differences between models of a run are more than chance, on the same test clips and over tasks.

    Args:
        run: a run, its folder, or its name in ./runs.
        models: the first one is compared with each of the others, by the names that the table has; or a list of pairs.
        pairs: more pairs of models. Without models and pairs, those that the study names are compared; if it names
            none, all models are, over the tasks alone.
        options: confidence, resamples, seed and all_metrics, as of `ablations.report.compare.compared`.

    Raises:
        ValueError: one model alone, or a model that is not in the run.
    """
    from ablations.door.comparison import compare_models

    return compare_models(folder_of(run), [*models, pairs], **options)


def _rows(runs: Runs) -> pd.DataFrame:
    return runs if isinstance(runs, pd.DataFrame) else load(runs)
