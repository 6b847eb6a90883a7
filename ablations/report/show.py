"""A run's rows as they are shown: its table with what belongs below it, and its figure."""

import html
import logging
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ablations.models import cost, registry
from ablations.models.catalog import models_table
from ablations.study.study import Study
from results import figures, load
from results.reference.published import is_published
from results.rows.files import replacing, write_text
from results.scores.axes import is_timed
from results.statistics import edges
from results.tables import agreement, compose, formats
from results.tables.escapes import markdown, printable, to_tex
from results.tables.formats import Table

logger = logging.getLogger(__name__)

KINDS = {"scenes": False, "timestamps": True}
"""Kinds of embeddings, and whether event tasks have them."""
OF_COST = ("pareto",)
"""Figures that show costs."""
COST_COLUMNS = (*(f"gmacs_{kind}_10s" for kind in KINDS), "cost_unknown")
BESIDE = "Published beside measured"
WRITERS: dict[str, Callable[[Table], str]] = {
    "terminal": lambda table: formats.to_text(table, styled=sys.stdout.isatty()),
    "markdown": formats.to_markdown,
    "latex": formats.to_latex,
    "csv": formats.to_csv,
    "html": formats.to_html,
}
HEADINGS = {"latex": "% {}", "html": "<h3>{}</h3>"}
LINES: dict[str, Callable[[str], str]] = {
    "terminal": printable,
    "markdown": markdown,
    "latex": to_tex,
    "html": lambda line: f"<p>{html.escape(printable(line))}</p>",
}


def render(rows: pd.DataFrame, form: str, **options) -> str:
    """The table, what is published beside what was measured, unknown costs and warnings; as CSV the table alone.

    Args:
        form: a name of `WRITERS`. options: those of `results.tables.compose.compose`.
    """
    text = WRITERS[form](compose.compose(rows, **options))
    if form == "csv":
        return text.rstrip("\n")
    parts = [text]
    if (beside := agreement.table(rows)) is not None:
        as_text = formats.to_text(beside, turn=False) if form == "terminal" else WRITERS[form](beside)
        parts += [HEADINGS.get(form, "{}:").format(BESIDE), as_text]
    costly = unknown_costs(rows) if options.get("costs") is not None else []
    parts += map(LINES[form], [*costly, *edges.edge_warnings(rows)])
    return "\n\n".join(parts)


def write_table(folder: Path, rows: pd.DataFrame, **options) -> None:
    """table.md, table.csv and, where what was measured is published, agreement.csv in the folder of a run."""
    write_text(folder / "table.md", render(rows, "markdown", **options) + "\n")
    write_text(folder / "table.csv", compose.to_csv(rows, **options))
    beside, path = agreement.pairs(rows), folder / "agreement.csv"
    if beside.empty:
        path.unlink(missing_ok=True)
    else:
        with replacing(path) as file:
            beside.to_csv(file, index=False)


def costs_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns of cost for the measured models of rows: index model; NaN where a cost is not known.

    Parameters, and the GMACs (10^9 multiply-adds) of 10 s of sound: of scene embeddings where rows are of scene tasks,
    of timestamp embeddings where they are of event tasks.
    """
    known = known_models(rows).set_index("spec")
    specs = rows[~is_published(rows)].drop_duplicates("model").set_index("model")["spec"]
    found = pd.DataFrame({"parameters": specs.map(known["parameters"].astype(float))})
    for kind in _kinds(rows):
        found[f"GMACs of 10 s, {kind}"] = specs.map(known[f"gmacs_{kind}_10s"])
    return found


def unknown_costs(rows: pd.DataFrame) -> list[str]:
    """A line for each reason why the multiply-adds of measured models are not known."""
    known = known_models(rows)
    reasons = known[known["cost_unknown"] != ""].set_index("spec")["cost_unknown"]
    named = rows[~is_published(rows)].drop_duplicates("model").assign(why=lambda found: found["spec"].map(reasons))
    groups = named.dropna(subset="why").groupby("why", sort=False)["model"]
    return [f"Multiply-adds are not known of {', '.join(names)}: {why}." for why, names in groups]


def write_figure(folder: Path, study: Study) -> Path:
    """The figure that a study names, of its run; bars, and a warning, where its rows can't be drawn so."""
    return figures.save(draw_or_bars(load(folder), study.figure, study.name), folder / "figure")


def draw_or_bars(rows: pd.DataFrame, kind: str, title: str) -> Figure:
    """`draw`; bars, and a warning, where rows can't be drawn so."""
    try:
        return draw(rows, kind, title)
    except ValueError as error:
        logger.warning("figure %s: %s; bars are drawn instead", kind, error)
        return draw(rows, "bars", title)


def draw(rows: pd.DataFrame, kind: str, title: str) -> Figure:
    """A figure by its name; those of the paper have titles of their own.

    Raises:
        ValueError: where the rows can't be drawn so.
    """
    known = known_models(rows, costs=kind in OF_COST)
    names = {name: rows[name].map(_drawn, na_action="ignore") for name in ("model", "task")}
    return figures.FIGURES[kind](rows.assign(**names), None if kind in figures.PAPER else title, known)


def _drawn(name: str) -> str:
    """A name as matplotlib writes it, which takes what is between dollars for a formula."""
    return printable(name).replace("$", r"\$")


def known_models(rows: pd.DataFrame, costs: bool = True) -> pd.DataFrame:
    """What is known of the specs of measured rows whose checkpoints are here, a row each.

    Columns: those of `ablations.models.catalog.models_table`, whose name is the checkpoint; spec is the text that rows
    have. With `costs` also `gmacs_scenes_10s` and `gmacs_timestamps_10s` (`ablations.models.cost`), counted for the
    kinds of tasks that rows are of, and `cost_unknown`, why they are NaN.
    """
    texts = rows.loc[~is_published(rows), "spec"].dropna().astype(str).drop_duplicates()
    found = [models_table(["logmel"]).iloc[:0]]
    for checkpoint, group in texts.groupby(texts.str.split("@").str[0], sort=False):
        try:
            about = models_table([checkpoint]).drop(columns="spec")
        except ValueError:  # rows of another version, or made by hand
            logger.debug("checkpoint %s is not known here", checkpoint)
            continue
        found.append(about.merge(group.rename("spec"), how="cross"))
    known = pd.concat(found[1:] or found, ignore_index=True)
    if not costs:
        return known
    kinds = _kinds(rows)
    return known.join(pd.DataFrame([_multiply_adds(text, kinds) for text in known["spec"]], columns=list(COST_COLUMNS)))


def _kinds(rows: pd.DataFrame) -> list[str]:
    """Kinds of embeddings that measured tasks take."""
    measured = rows[~is_published(rows) & rows["primary"].astype(bool)]
    timed = set(is_timed(measured["metric"]))
    return [kind for kind, event in KINDS.items() if event in timed]


def _multiply_adds(text: str, kinds: Collection[str]) -> dict[str, float | str]:
    """`COST_COLUMNS` of a spec's text."""
    try:
        spec = registry.resolve(text)
    except ValueError:
        return {"cost_unknown": "this version has no such spec"}
    gmacs = {f"gmacs_{kind}_10s": cost.macs(spec, KINDS[kind]) / 1e9 for kind in kinds}
    return gmacs | {"cost_unknown": cost.unknown(spec.checkpoint)}
