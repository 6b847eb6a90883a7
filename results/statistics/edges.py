"""Whether what validation chose lies at an edge of what was tried: something better may lie beyond it."""

import math
import re
from collections.abc import Mapping

import pandas as pd

from results.reference.published import is_published

GRID = (1e-4, 1e-3, 1e-3, 3.2e-4, 3.2e-4, 3.2e-4, 3.2e-3, 3.2e-3, 1e-3, 3.2e-4, 1e-3, 1e-4, 3.2e-3, 1e-4, 3.2e-3, 1e-4)
LINEAR_GRID = (1e-4, 3.2e-3, 3.2e-4, 1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-3)
"""Learning rates of the probe configurations, with and without hidden layers, in the order in which they are tried:
hear-eval-kit 2021.1.3's grid, shuffled with its seed 42."""
TRIED = 8
MOST_MODELS = 4
"""Models that a warning names; more are counted."""
EDGES = {"lowest": min, "highest": max}
BEYOND = {"lowest": "lower", "highest": "higher"}
SETTINGS: Mapping[str, tuple[float, float]] = {
    "k": (math.nan, 50),
    "alpha": (1e-2, 1e4),
    "C": (1e-3, 10),
    "threshold": (0.1, 0.5),
}
"""The lowest and the highest value that probes without epochs try, by setting; NaN where nothing lies beyond."""
CHOSEN = re.compile(r"(\S+)=(\S+)")
MOST_CHOICES = 0.5
"""A model and task are named if more than this share of their choices is at the edge."""


def learning_rates(protocol: str) -> tuple[float, ...]:
    """List the learning rates that a protocol tries, each once, from the lowest."""
    points = re.search(r"\+grid(\d+)", protocol)
    order = LINEAR_GRID if "+linear" in protocol else GRID
    return tuple(sorted(set(order[: int(points[1]) if points else TRIED])))


def at_edges(rows: pd.DataFrame) -> pd.DataFrame:
    """Find the measured models and tasks whose chosen learning rate is the lowest or highest that was tried.

    Returns:
        Columns model, task, protocol, lr, edge ("lowest", "highest", or "only" where one was tried), choices (the
        number of choices at the edge: one is made for each seed, and each folder of a HEAR key that has several), of
        (the number of all choices), folders.
    """
    primary = rows[rows["primary"].astype(bool) & ~is_published(rows)].dropna(subset="lr")
    chosen = primary.drop_duplicates(["model", "task", "task_fp", "protocol", "seed"])
    chosen = chosen.assign(edge=[_edge(*pair) for pair in zip(chosen["lr"], chosen["protocol"], strict=True)])
    keys = ["model", "task", "protocol"]
    grouped = chosen.groupby(keys, sort=False, dropna=False)
    totals = pd.DataFrame({"of": grouped.size(), "folders": grouped["task_fp"].nunique()})
    choices = chosen[chosen["edge"] != ""].groupby([*keys, "lr", "edge"], sort=False).size().rename("choices")
    return choices.reset_index().join(totals, on=keys)


def edge_warnings(rows: pd.DataFrame) -> list[str]:
    """Warn of choices at an edge, a line for each protocol, setting and edge; no line where there are none."""
    return [*_rate_warnings(rows), *_setting_warnings(rows)]


def _rate_warnings(rows: pd.DataFrame) -> list[str]:
    lines = []
    for (protocol, edge, lr), group in at_edges(rows).groupby(["protocol", "edge", "lr"], sort=False):
        if edge == "only":
            lines.append(f"{protocol} tries one learning rate, {lr:g}: whether another one is better is not known.")
            continue
        unit = (group["folders"] > 1).map({True: " seeds and folders)", False: " seeds)"})
        part = " (" + group["choices"].astype(str) + " of " + group["of"].astype(str) + unit
        named = group.assign(text=group["task"] + part.where(group["choices"] < group["of"], ""))
        lines.append(
            f"The best learning rate is the {edge} that {protocol} tries, {lr:g}; a {BEYOND[edge]} one may be better: "
            f"{_listed(named)}."
        )
    return lines


def settings_at_edges(rows: pd.DataFrame) -> pd.DataFrame:
    """Find the measured models and tasks most of whose chosen settings are the lowest or highest that were tried.

    Settings are those of probes without epochs, such as k, and the threshold of events; one is chosen in each fold and
    seed. Fewer neighbors than one, and more than a training fold has, can't be tried.

    Returns:
        Columns model, task, protocol, setting, value, edge ("lowest" or "highest"), choices (the number of choices at
        the edge), of (the number of all choices).
    """
    empty = pd.Series("", rows.index)
    setting = rows["setting"].fillna("").astype(str) if "setting" in rows else empty
    chosen = rows[rows["primary"].astype(bool) & ~is_published(rows) & (setting != "")]
    keys = ["model", "task", "protocol", "setting"]
    parts = [
        {**{name: getattr(row, name) for name in keys}, "setting": name, "value": float(value)}
        for row in chosen.itertuples()
        for name, value in CHOSEN.findall(row.setting)
        if name in SETTINGS
    ]
    table = pd.DataFrame(parts, columns=[*keys, "value"])
    bounds = [SETTINGS[name] for name in table["setting"]]
    edges = [
        next((edge for edge, bound in zip(EDGES, pair, strict=True) if value == bound), "")
        for value, pair in zip(table["value"], bounds, strict=True)
    ]
    table = table.assign(edge=edges)
    of = table.groupby(keys, sort=False).size().rename("of")
    at_edge = table[table["edge"] != ""].groupby([*keys, "value", "edge"], sort=False).size().rename("choices")
    counted = at_edge.reset_index().join(of, on=keys)
    return counted[counted["choices"] > MOST_CHOICES * counted["of"]].reset_index(drop=True)


def _setting_warnings(rows: pd.DataFrame) -> list[str]:
    lines = []
    keys = ["protocol", "setting", "edge", "value"]
    for (protocol, setting, edge, value), group in settings_at_edges(rows).groupby(keys, sort=False):
        part = " (" + group["choices"].astype(str) + " of " + group["of"].astype(str) + " choices)"
        lines.append(
            f"The best {setting} is mostly the {edge} that {protocol} tries, {value:g}; a {BEYOND[edge]} one may be "
            f"better: {_listed(group.assign(text=group['task'] + part))}."
        )
    return lines


def _listed(cells: pd.DataFrame) -> str:
    """Name models with the texts of their tasks; those beyond `MOST_MODELS` are counted."""
    models = [f"{model} on {', '.join(of_model['text'])}" for model, of_model in cells.groupby("model", sort=False)]
    if (more := len(models) - MOST_MODELS) > 0:
        models[MOST_MODELS:] = [f"and {more} more model{'s' * (more > 1)}"]
    return "; ".join(models)


def _edge(lr: float, protocol: str) -> str:
    rates = learning_rates(protocol)
    if len(rates) == 1:
        return "only"
    return next((name for name, of in EDGES.items() if lr == of(rates)), "")
