"""The page: everything that is known of a run's folder, put into the template beside this file."""

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
from results.scores.records import RunRecord, read_record
from results.statistics import edges
from results.tables import agreement, compose
from results.tables.formats import Table

PAIRS = 45
"""No more pairs of models than this are listed with Wilcoxon's test: those of ten models."""


@dataclass(frozen=True)
class Section:
    """A heading of a run's part of the page, with what is under it."""

    title: str
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Drawn, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A run in the page; `anchor` is its place in it, `state` says how far it came."""

    anchor: str
    title: str
    state: str
    sections: tuple[Section, ...]


def page(folder: str | Path) -> str:
    """The page of a run's folder, or of all runs that lie in a folder.

    Raises:
        FileNotFoundError: where neither it nor a folder in it has rows. ValueError: for files that are not a run's.
    """
    folders = runs_in(Path(folder))
    parts = [part(each, f"run-{number}") for number, each in enumerate(folders)]
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
    """`page` as a file, complete or absent."""
    text = page(folder).encode("utf-8")
    write_atomically(out, lambda file: file.write(text))
    return out


def runs_in(folder: Path) -> list[Path]:
    """The folder itself where it has rows, else those in it that do, by name.

    Raises:
        FileNotFoundError: where there are none.
    """
    if (folder / "rows.csv").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/rows.csv"))
    if not found:
        raise FileNotFoundError(f"no rows in {folder} or a folder in it; expected a run, such as runs/<study>")
    return found


def part(folder: Path, anchor: str = "run") -> Part:
    """One run: scores, figures, statistics, what it was made with, what failed."""
    record, rows = read_record(folder), load(folder)
    name = record.study if record else absolute(folder).name
    if facts.measured(rows).empty:
        sections = [Section("Scores", notes=("Nothing was measured.",))]
    else:
        said = compared(folder, most_pairs=PAIRS)
        beside = agreement.table(rows)
        kind = record.figure if record and record.figure in figures.FIGURES else "bars"
        drawings = drawn.of_rows(rows, kind, name, beside is not None, said.ranking)
        sections = [
            _scores(rows),
            Section("Figures", figures=tuple(drawings)),
            *([_beside(beside)] if beside else []),
            _statistics(rows, said),
            _made_with(rows, record),
        ]
    return Part(anchor, name, _state(rows, record), (*sections, _failed(record)))


def _scores(rows: pd.DataFrame) -> Section:
    costs = costs_of(rows)
    normal = bool(rows["task"].isin(task_table().index).any())
    table = compose.compose(rows, costs=costs if costs.notna().any(axis=None) else None, means=normal)
    return Section("Scores", (of_table("Models x tasks", table),))


def _beside(found: Table) -> Section:
    return Section("Published beside measured", (of_table("Difference: measured less published", found),))


def _statistics(rows: pd.DataFrame, said: Compared) -> Section:
    sheets = []
    if said.ranking is not None:
        ranks = said.ranking.ranks.rename("mean rank").rename_axis("model").reset_index()
        sheets.append(of_frame("Mean ranks over tasks", ranks, [ranking_line(said.ranking)]))
    if said.tasks is not None and len(said.tasks) and said.tasks["tasks"].max() > 1:
        note = (
            "Wilcoxon's signed-rank test over tasks; difference: the median of a less b; p_holm: corrected over pairs, "
            "from which the verdict follows."
        )
        few = [f"Not established: {reason}." for reason in said.tasks["reason"].unique() if reason]
        sheets.append(of_frame("Pairs of models", said.tasks.drop(columns="reason"), [note, *few]))
    if len(varied := _varied(said.variance)):
        note = "Over folds, over seeds, what is left of both, over the points of the grid; – is not known."
        sheets.append(of_frame("Variance of scores", varied, [note]))
    notes = [*edges.edge_warnings(rows), *(f"{text[0].upper()}{text[1:]}." for text in said.notes)]
    return Section("Statistics", tuple(sheets), notes=tuple(notes))


def _varied(found: pd.DataFrame) -> pd.DataFrame:
    """Lines and columns of `results.statistics.variance.variance` that say something."""
    names = [name for name in found if name.endswith("_variance")]
    known = found.drop(columns="metric").dropna(subset=names, how="all")
    return known.drop(columns=[name for name in names if known[name].isna().all()])


def _made_with(rows: pd.DataFrame, record: RunRecord | None) -> Section:
    found = {
        "Set-up": facts.setup(rows, record),
        "Models": facts.models(rows, record),
        "Tasks": facts.tasks(rows, record),
    }
    return Section("Made with", tuple(of_frame(caption, each) for caption, each in found.items()))


def _failed(record: RunRecord | None) -> Section:
    title = "What is missing"
    if record is None:
        return Section(
            title, notes=("The run's folder has no study.json: what failed is not known. `ablate run` writes it.",)
        )
    found = facts.failures(record)
    notes = [] if record.finished else ["The run has not come to its end."]
    if found.empty:
        return Section(title, notes=(*notes, *([] if notes else ["Nothing failed."])))
    return Section(title, (of_frame("Failures", found),), notes=tuple(notes))


def _state(rows: pd.DataFrame, record: RunRecord | None) -> str:
    there = facts.measured(rows)[["spec", "task"]].drop_duplicates()
    text = f"{there['spec'].nunique()} models, {there['task'].nunique()} tasks measured"
    if record is None:
        return text
    failed = sum(not failure.absent for failure in record.failures)
    absent = len(record.failures) - failed
    return text + (f", {absent} absent" if absent else "") + (f", {failed} failures" if failed else "")
