"""The page of a run: everything that is known of its folder, put into the template beside this file."""

from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd

from ablations.report import facts
from ablations.report import figures as drawn
from ablations.report.compare import Compared, compared, ranking_line
from ablations.report.costs import costs_of
from ablations.report.figures import Drawn
from ablations.report.sheets import Sheet, of_frame, of_table
from downstream.disk.files import absolute, write_atomically
from results import figures, load
from results.rows.rows import task_table
from results.scores.kinds import MEASURED
from results.scores.labels import labels
from results.scores.records import RunRecord, read_record
from results.scores.scores import Scored
from results.statistics import edges
from results.tables import agreement
from results.tables.compose import compose
from results.tables.formats import Table

PAIRS = 45
"""The largest number of pairs that are tested and listed (Wilcoxon): those of ten models."""


@dataclass(frozen=True)
class Section:
    """A section of a run's part of the page."""

    title: str
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Drawn, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A run in the page; `anchor` is the target of links to it, `state` says how far the run came."""

    anchor: str
    title: str
    state: str
    sections: tuple[Section, ...]


def page(folder: str | Path) -> str:
    """Make the page of a run's folder, or of all runs that lie in a folder.

    Raises:
        FileNotFoundError: neither it nor a folder in it has rows.
        ValueError: files that are not a run's.
    """
    folders = runs_in(Path(folder))
    parts = [part(run, f"run-{number}") for number, run in enumerate(folders)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    title = parts[0].title if len(parts) == 1 else f"{len(parts)} runs"
    return environment.get_template("page.html.j2").render(title=title, parts=parts)


def write_page(folder: str | Path, out: Path) -> Path:
    """Write `page` as a file, complete or absent."""
    text = page(folder).encode("utf-8")
    write_atomically(out, lambda file: file.write(text))
    return out


def runs_in(folder: Path) -> list[Path]:
    """Find the runs: the folder itself if it has rows, else the folders in it that do, by name.

    Raises:
        FileNotFoundError: there are none.
    """
    if (folder / "rows.csv").is_file():
        return [folder]
    runs = sorted(path.parent for path in folder.glob("*/rows.csv"))
    if not runs:
        raise FileNotFoundError(f"no rows in {folder} or a folder in it; expected a run, such as runs/<study>")
    return runs


def part(folder: Path, anchor: str = "run") -> Part:
    """Make the part of a run: scores, figures, statistics, what it was made with, what failed."""
    record, rows = read_record(folder), load(folder)
    name = record.study if record else absolute(folder).name
    if facts.measured(rows).empty:
        sections = [Section("Scores", notes=("Nothing was measured.",))]
    else:
        scored = Scored.of(rows)
        measured = Scored(facts.measured(rows), scored.scores[scored.scores["kind"] == MEASURED])
        comparison = compared(folder, rows=measured, most_pairs=PAIRS)
        beside = agreement.table(agreement.pairs(scored))
        kind = record.figure if record and record.figure in figures.FIGURES else "bars"
        drawings = drawn.of_rows(scored, kind, name, beside is not None, comparison.ranking)
        sections = [
            _scores(scored),
            Section("Figures", figures=tuple(drawings)),
            *([_beside(beside)] if beside else []),
            _statistics(rows, comparison),
            _made_with(rows, record),
        ]
    return Part(anchor, name, _state(rows, record), (*sections, _failed(record)))


def _scores(scored: Scored) -> Section:
    costs = costs_of(scored.rows)
    of_hear = bool(scored.rows["task"].isin(task_table().index).any())
    table = compose(scored, costs=costs if costs.notna().any(axis=None) else None, means=of_hear)
    return Section("Scores", (of_table("Models x tasks", table),))


def _beside(table: Table) -> Section:
    return Section("Published beside measured", (of_table("Difference: measured less published", table),))


def _statistics(rows: pd.DataFrame, comparison: Compared) -> Section:
    sheets = []
    if comparison.ranking is not None:
        ranks = comparison.ranking.ranks.rename("mean rank").rename_axis("model").reset_index()
        sheets.append(of_frame("Mean ranks over tasks", ranks, [ranking_line(comparison.ranking)]))
    if comparison.tasks is not None and len(comparison.tasks) and comparison.tasks["tasks"].max() > 1:
        note = (
            "Wilcoxon's signed-rank test over tasks; difference: the median of a less b; p_holm: corrected over pairs, "
            "from which the verdict follows."
        )
        few = [f"Not established: {reason}." for reason in comparison.tasks["reason"].unique() if reason]
        sheets.append(of_frame("Pairs of models", comparison.tasks.drop(columns="reason"), [note, *few]))
    if len(varied := _varied(comparison.variance)):
        note = "Over folds, over seeds, what is left of both, over the points of the grid; – is not known."
        sheets.append(of_frame("Variance of scores", varied, [note]))
    notes = [*edges.edge_warnings(rows), *(f"{text[0].upper()}{text[1:]}." for text in comparison.notes)]
    return Section("Statistics", tuple(sheets), notes=tuple(notes))


def _varied(components: pd.DataFrame) -> pd.DataFrame:
    """Keep the lines and columns of `results.statistics.variance.variance` that have a value."""
    names = [name for name in components if name.endswith("_variance")]
    table = components.assign(model=labels(components)).drop(columns=["metric", "untrained"])
    known = table.dropna(subset=names, how="all")
    return known.drop(columns=[name for name in names if known[name].isna().all()])


def _made_with(rows: pd.DataFrame, record: RunRecord | None) -> Section:
    tables = {
        "Set-up": facts.setup(rows, record),
        "Models": facts.models(rows, record),
        "Tasks": facts.tasks(rows, record),
    }
    return Section("Made with", tuple(of_frame(caption, table) for caption, table in tables.items()))


def _failed(record: RunRecord | None) -> Section:
    title = "What is missing"
    if record is None:
        return Section(
            title, notes=("The run's folder has no study.json: what failed is not known. `ablate run` writes it.",)
        )
    failures = facts.failures(record)
    notes = [] if record.finished else ["The run has not come to its end."]
    if failures.empty:
        return Section(title, notes=(*notes, *([] if notes else ["Nothing failed."])))
    return Section(title, (of_frame("Failures", failures),), notes=tuple(notes))


def _state(rows: pd.DataFrame, record: RunRecord | None) -> str:
    measured = facts.measured(rows)
    text = f"{measured['spec'].nunique()} models, {measured['task'].nunique()} tasks measured"
    if record is None:
        return text
    failed = sum(not failure.absent for failure in record.failures)
    absent = len(record.failures) - failed
    return text + (f", {absent} absent" if absent else "") + (f", {failed} failures" if failed else "")
