"""What `ablate geometry` prints and writes."""

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from tabulate import tabulate

from ablations.representation.compression import WHOLE
from ablations.representation.measure import Geometry
from results import figures
from results.figures.geometry import rank_by_level, score_by_bytes, similarity_map
from results.rows.files import replacing
from results.tables.escapes import printable

COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "model": ("model", printable),
    "dim": ("dim", str),
    "effective_rank": ("effective\nrank", "{:.1f}".format),
    "participation_ratio": ("participation\nratio", "{:.1f}".format),
    "components_90": ("90 % of\nvariance", "{:.0f}".format),
    "uniformity": ("uniformity", "{:.2f}".format),
    "most alike": ("most alike", printable),
    "cka": ("CKA", "{:.2f}".format),
    "null": ("shuffled", "{:.2f}".format),
}
"""The columns that are printed: their heads, and how a value is written."""


def to_text(measured: Geometry) -> str:
    """Write a table a task: dimensions, and the most similar other model; then scores of smaller forms."""
    parts = []
    for task, embeddings in measured.embeddings.groupby("task", sort=False):
        pairs = _of_task(measured.similarity, task)
        first = embeddings.iloc[0]
        drawn = f"{first['clips']} clips" + (f", {first['draws']} timestamps of each" if first["draws"] > 1 else "")
        table = embeddings.merge(_most_alike(pairs, list(embeddings["model"])), on="model")
        texts = [[_cell(value, COLUMNS[name][1]) for value in table[name]] for name in COLUMNS]
        align = ["left" if name in ("model", "most alike") else "right" for name in COLUMNS]
        heads = [head for head, _ in COLUMNS.values()]
        body = tabulate(list(zip(*texts, strict=True)), heads, disable_numparse=True, colalign=align)
        reasons = [f"{row.model}: {row.reason}" for row in embeddings.itertuples() if row.reason]
        same = [f"{row.model} stands for {row.same} too" for row in embeddings.itertuples() if row.same]
        parts += [printable(f"{task}: {drawn}"), body, *map(printable, [*reasons, *same])]
        if len(forms := _of_task(measured.compression, task)):
            undefined = [f"{row.model} {row.form}: {row.reason}" for row in forms.itertuples() if row.reason]
            heading = f"{task}: {forms['metric'].iloc[0]} / bytes an item"
            parts += [printable(heading), _forms_text(forms), *map(printable, undefined)]
    parts += [printable(f"Not applicable: {cell}") for cell in measured.not_applicable]
    return "\n\n".join(parts)


def write(measured: Geometry, folder: Path, title: str) -> list[Path]:
    """Write the tables as CSV and the figures as PNG; return the files.

    A figure that can't be drawn of what was measured is left out.

    Args:
        folder: its files of the same names are replaced, and no others.
        title: of the figures.
    """
    tables = {
        "geometry": measured.embeddings,
        "similarity": measured.similarity,
        "compression": measured.compression,
    }
    written = []
    for name, table in tables.items():
        if len(table):
            written.append(folder / f"{name}.csv")
            with replacing(written[-1]) as file:
                table.to_csv(file, index=False, float_format="%.6g")
    for name, draw in _drawings(measured, title):
        try:
            figure = draw()
        except ValueError:  # one model, or no levels
            continue
        written.append(figures.save(figure, folder / name, ["png"]))
    return written


def _drawings(measured: Geometry, title: str) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name what draws each figure."""
    embeddings, similarity, compression = map(_safe, (measured.embeddings, measured.similarity, measured.compression))
    title = _escape(title)
    yield "effective_rank", functools.partial(rank_by_level, embeddings, title)
    if len(compression):
        yield "compression", functools.partial(score_by_bytes, compression, title)
    for name, task in zip(measured.embeddings["task"].unique(), embeddings["task"].unique(), strict=True):
        own = _of_task(embeddings, task)
        yield f"cka_{name}", functools.partial(similarity_map, _of_task(similarity, task), own, f"{title} on {task}")


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    """Escape names for matplotlib, which takes what is between dollars for a formula."""
    names = [column for column in ("task", "model", "model_a", "model_b") if column in table]
    return table.assign(**{name: table[name].map(_escape) for name in names})


def _escape(text: str) -> str:
    return printable(text).replace("$", r"\$")


def _most_alike(pairs: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """The other model with the largest CKA, for each model."""
    columns = ["model", "most alike", "cka", "null"]
    if pairs.empty:
        return pd.DataFrame({"model": models}).reindex(columns=columns)
    turned = pairs.rename(columns={"model_a": "model_b", "model_b": "model_a"})
    both = pd.concat([pairs, turned]).dropna(subset="cka").sort_values("cka", ascending=False, kind="stable")
    best = both.drop_duplicates("model_a").rename(columns={"model_a": "model", "model_b": "most alike"})
    return pd.DataFrame({"model": models}).merge(best[columns], on="model", how="left")


def _forms_text(forms: pd.DataFrame) -> str:
    """A row a model, a column a form, the whole embedding first."""
    forms = forms.assign(
        cell=[f"{_cell(row.score, '{:.3f}'.format) or 'n.d.'} / {row.bytes}" for row in forms.itertuples()]
    )
    order = [WHOLE, *(form for form in dict.fromkeys(forms["form"]) if form != WHOLE)]
    wide = forms.pivot_table("cell", "model", "form", aggfunc="first", sort=False).reindex(columns=order).fillna("")
    body = [[model, *cells] for model, cells in zip(wide.index, wide.to_numpy().tolist(), strict=True)]
    return str(tabulate(body, ["model", *order], disable_numparse=True, colalign=["left", *["right"] * len(order)]))


def _of_task(table: pd.DataFrame, task: object) -> pd.DataFrame:
    return table[table["task"] == task] if len(table) else table


def _cell(value: Any, written: Callable[[Any], str]) -> str:
    text = "" if pd.isna(value) else written(value)
    return re.sub(r"^-(0\.0+)$", r"\1", text)
