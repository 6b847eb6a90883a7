"""Charts of long tables, with filters and hover; they need the extra `report` (altair) and no network.

altair writes and checks a chart, vl-convert compiles it. The page holds the compiled specification as JSON, and Vega
itself once.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.scores.labels import labels
from results.scores.scores import Scored
from results.statistics.versus import NOT_COMPARED

logger = logging.getLogger(__name__)

HINT = "Charts with filters are left out: they need altair, `pip install 'embedding-ablations[report]'`."
STEP = 16
"""Height of a line of a chart, in px."""
LABEL = 150
"""Width of the names of lines, in px; hover shows whole names."""


@dataclass(frozen=True)
class Chart:
    """A chart: its title, and its Vega specification."""

    title: str
    spec: dict[str, Any]


def or_hint(make: Callable[[], Chart | None]) -> tuple[tuple[Chart, ...], tuple[str, ...]]:
    """Make a chart; where altair is not installed, give the line that says how to get it instead."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        logger.debug("no charts: %s", error)
        return (), (HINT,)
    chart = make()
    return ((chart,) if chart else ()), ()


def runtime() -> str:
    """Give Vega and vega-embed as one script, which a page can hold."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", r"<\/script").replace("<!--", r"<\!--")


def of_scores(scored: Scored) -> Chart | None:
    """Draw the scores of one task at a time, the best on top; None where there are none."""
    scores = scored.scores.dropna(subset="mean")
    if scores.empty:
        return None
    lines = pd.DataFrame(
        {
            "model": labels(scores, read_off=True),
            "task": scores["task"] + " (" + scores["metric"] + ")",
            "score": scores["mean"],
            "low": scores["mean"] - scores["std"],
            "high": scores["mean"] + scores["std"],
            "deviation": scores["std"],
            "folds": scores["folds"],
            "seeds": scores["seeds"],
            "family": scores["family"],
            "spec": scores["spec"],
        }
    )
    more = {"deviation": ".3f", "folds": "d", "seeds": "d", "family": "", "spec": ""}
    spec = _dots(lines, "score", row="model", choice="task", color="family", more=more)
    return Chart("Scores of one task; bars are the standard deviation", spec)


def of_comparisons(clips: pd.DataFrame) -> Chart | None:
    """Draw the differences of pairs of models with their intervals; None where nothing was compared.

    A line is a task where there are more tasks than pairs, else a pair; the menu has the others.
    """
    compared = clips[clips["verdict"] != NOT_COMPARED].drop_duplicates(["a", "b", "task", "metric"])
    if compared.empty:
        return None
    lines = pd.DataFrame(
        {
            "pair": _names_of_pairs(compared),
            "task": compared["task"] + " (" + compared["metric"] + ")",
            "difference": compared["difference"],
            "low": compared["low"],
            "high": compared["high"],
            "p_holm": compared["p_holm"],
            "clips": compared["clips"],
            "verdict": compared["verdict"],
            "reason": compared["reason"],
        }
    )
    more = {"p_holm": ".3g", "clips": "d", "reason": ""}
    row, choice = ("task", "pair") if lines["task"].nunique() >= lines["pair"].nunique() else ("pair", "task")
    spec = _dots(lines, "difference", row=row, choice=choice, color="verdict", more=more)
    first = f"{compared['a'].iloc[0]} less others" if len(set(compared["a"])) == 1 else "A less B"
    return Chart(f"Differences, {first}; bars are 95% intervals", spec)


def _names_of_pairs(compared: pd.DataFrame) -> pd.Series:
    """Name pairs by both models, or by the second where the first is always the same."""
    return "less " + compared["b"] if len(set(compared["a"])) == 1 else compared["a"] + " less " + compared["b"]


def _dots(
    lines: pd.DataFrame, value: str, *, row: str, choice: str, color: str, more: Mapping[str, str]
) -> dict[str, Any]:
    """Specify a chart, in Vega, of points with bars: a line for each `row` of the `choice` that is selected.

    Args:
        lines: the columns that the others name, and low and high, the ends of the bars.
        value: the column of the points.
        row: the column that names lines; a search field filters them.
        choice: the column of the menu.
        color: the column of colors.
        more: further columns that hover shows, and their number formats ("" for texts).
    """
    import altair as alt
    import vl_convert

    names = list(dict.fromkeys(lines[choice]))
    select = alt.param("choice", value=names[0], bind=alt.binding_select(options=names, name=f"{choice} "))
    search = alt.param("search", value="", bind=alt.binding(input="search", placeholder="filter", name=f"{row} "))
    hover = [alt.Tooltip(name, type="nominal") for name in (row, choice)]
    hover += [alt.Tooltip(name, type="quantitative", format=".3f") for name in (value, "low", "high")]
    hover += [
        alt.Tooltip(name, type="quantitative", format=form) if form else alt.Tooltip(name, type="nominal")
        for name, form in more.items()
    ]
    legend = alt.Legend(orient="top", columns=2, labelLimit=LABEL) if len(set(lines[color])) > 1 else None
    base = alt.Chart().encode(
        y=alt.Y(row, type="nominal", sort=alt.EncodingSortField(value, op="max", order="descending"), title=None),
        color=alt.Color(color, type="nominal", legend=legend, title=None),
        tooltip=hover,
    )
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).transform_filter("isValid(datum.low)")
    bars = bars.encode(x=alt.X("low", type="quantitative", scale=alt.Scale(zero=False), title=value), x2="high")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x=alt.X(value, type="quantitative", title=value))
    layers = [bars, points]
    if value == "difference":
        layers.insert(0, alt.Chart().mark_rule(strokeDash=[4, 3], color="#888888").encode(x=alt.datum(0)))
    values = json.loads(lines.to_json(orient="records"))
    chart = (
        alt.layer(*layers, data=alt.InlineData(values=values))
        .add_params(select, search)
        .transform_filter(f"datum.{choice} == choice && indexof(lower(datum.{row}), lower(search)) >= 0")
        .properties(width="container", height=alt.Step(STEP))
        .configure_axis(labelLimit=LABEL, labelFontSize=11, titleFontSize=11)
        .configure(background="#ffffff", font="system-ui, sans-serif")
    )
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict())
    return {key: part for key, part in compiled.items() if key != "$schema"}  # an address, which nothing needs
