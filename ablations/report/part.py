"""A run's part of the page: its sections, as values that the template beside this file writes."""

from dataclasses import dataclass
from pathlib import Path

from ablations.report import charts, comparisons, facts, heading
from ablations.report import figures as drawn
from ablations.report.axis_figures import axis_figures
from ablations.report.charts import Chart
from ablations.report.compare import Compared, compared
from ablations.report.costs import costs_of
from ablations.report.figures import Drawn
from ablations.report.sheets import LONG, Sheet, of_frame, of_table
from ablations.report.statement import pairs_of
from downstream.disk.files import absolute
from results import figures, load
from results.rows.rows import task_table
from results.scores.kinds import MEASURED
from results.scores.records import RunRecord, read_record
from results.scores.scores import Scored
from results.statistics import edges
from results.tables import agreement
from results.tables.compose import compose
from results.tables.formats import Table

PAIRS = 45
"""The largest number of pairs that are tested over tasks: those of ten models."""
NOT_A_RECORD = "The run's folder has no study.json: what failed is not known. `ablate run` writes it."
AT_EDGES = "Best learning rates at an edge of what was tried"
BEYOND = "A learning rate beyond the edge may be better: lower than the lowest, or higher than the highest."


@dataclass(frozen=True)
class Section:
    """A section of a run's part of the page."""

    title: str
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Drawn, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A run in the page.

    Attributes:
        anchor: the target of links to it.
        title: the study's name.
        lead: what is established.
        state: how far the run came.
        origin: when, and by what, it was made.
        sections: below these.
    """

    anchor: str
    title: str
    lead: str
    state: str
    origin: str
    sections: tuple[Section, ...]


def part(folder: Path, anchor: str = "run") -> Part:
    """Make the part of a run: scores, figures, comparisons, what it was made with, what failed.

    Raises:
        FileNotFoundError: the folder has no rows.
        ValueError: files that are not a run's.
    """
    record, rows = read_record(folder), load(folder)
    name = record.study if record else absolute(folder).name
    clips = facts.clips(folder, rows)
    sections, lead = _sections(folder, record, Scored.of(rows), name, clips)
    count = sum(clips.values()) if clips else None
    state = heading.state(rows, record, count)
    return Part(anchor, name, lead, state, heading.origin(rows, record), (*sections, _missing(record)))


def _sections(
    folder: Path, record: RunRecord | None, scored: Scored, name: str, clips: dict[str, int]
) -> tuple[list[Section], str]:
    """Make the sections of what was measured, and the sentence of what is established."""
    rows = scored.rows
    if facts.measured(rows).empty:
        return [Section("Scores", notes=("Nothing was measured.",))], "Nothing was measured."
    measured = Scored(facts.measured(rows), scored.scores[scored.scores["kind"] == MEASURED])
    comparison = compared(folder, pairs_of(folder), rows=measured, most_pairs=PAIRS)
    beside = agreement.table(agreement.pairs(scored))
    kind = record.figure if record and record.figure in figures.FIGURES else "bars"
    drawings = drawn.of_rows(scored, kind, name, beside is not None, comparison.ranking)
    sections = [
        _scores(scored),
        Section("Figures", figures=(*drawings, *axis_figures(scored, kind, name))),
        *([_beside(beside)] if beside else []),
        _comparisons(comparison),
        _made_with(scored, record, comparison, clips),
    ]
    return sections, heading.lead(comparison.clips, comparison.notes)


def _scores(scored: Scored) -> Section:
    costs = costs_of(scored.rows)
    of_hear = bool(scored.rows["task"].isin(task_table().index).any())
    table = compose(scored, costs=costs if costs.notna().any(axis=None) else None, means=of_hear)
    sheet = of_table("Models x tasks", table)
    drawing, notes = charts.or_hint(lambda: charts.of_scores(scored)) if _is_long(sheet) else ((), ())
    return Section("Scores", (sheet,), charts=drawing, notes=notes)


def _is_long(sheet: Sheet) -> bool:
    """Whether a table has more than fits a look: many rows, or many columns."""
    return len(sheet.rows) > LONG or len(sheet.heads) > LONG


def _beside(table: Table) -> Section:
    return Section("Published beside measured", (of_table("Difference: measured less published", table),))


def _comparisons(comparison: Compared) -> Section:
    sheets, notes = comparisons.sheets(comparison)
    drawing: tuple[Chart, ...] = ()
    if comparison.clips is not None and len(comparison.clips) > LONG:
        drawing, hints = charts.or_hint(lambda: charts.of_comparisons(comparison.clips))
        notes += hints
    return Section("Comparisons", tuple(sheets), charts=drawing, notes=tuple(notes))


def _made_with(scored: Scored, record: RunRecord | None, comparison: Compared, clips: dict[str, int]) -> Section:
    rows = scored.rows
    tables = [
        of_frame("Set-up", facts.setup(rows, record)),
        of_frame("Tasks", facts.tasks(rows, record, clips)),
        of_frame("Models", facts.models(rows, record), folded=True),
    ]
    if len(calls := facts.calls(record)) > 1:
        tables.insert(1, of_frame("Calls that computed jobs", calls, folded=len(calls) > LONG))
    if variance := comparisons.variance_sheet(comparison.variance):
        tables.append(variance)
    if len(at_edges := edges.at_edges(rows)):
        choices = at_edges.assign(choices=at_edges["choices"].map(str) + " of " + at_edges["of"].map(str))
        tables.append(of_frame(AT_EDGES, choices.drop(columns=["of", "folders"]), [BEYOND], folded=True))
    return Section("Made with", tuple(tables))


def _missing(record: RunRecord | None) -> Section:
    title = "What is missing"
    if record is None:
        return Section(title, notes=(NOT_A_RECORD,))
    failures = facts.failures(record)
    notes = [] if record.finished else ["The run has not come to its end."]
    if failures.empty:
        return Section(title, notes=(*notes, *([] if notes else ["Nothing failed."])))
    return Section(title, (of_frame("Failures", failures),), notes=tuple(notes))
