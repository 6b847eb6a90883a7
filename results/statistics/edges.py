"""Whether the best learning rate lies at an edge of the grid: a better one may lie beyond it."""

import re

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
    """Warn of best learning rates at an edge, a line for each protocol and edge; no line where there are none."""
    lines = []
    for (protocol, edge, lr), group in at_edges(rows).groupby(["protocol", "edge", "lr"], sort=False):
        if edge == "only":
            lines.append(f"{protocol} tries one learning rate, {lr:g}: whether another one is better is not known.")
            continue
        unit = (group["folders"] > 1).map({True: " seeds and folders)", False: " seeds)"})
        part = " (" + group["choices"].astype(str) + " of " + group["of"].astype(str) + unit
        named = group.assign(text=group["task"] + part.where(group["choices"] < group["of"], ""))
        models = [f"{model} on {', '.join(cells['text'])}" for model, cells in named.groupby("model", sort=False)]
        if (more := len(models) - MOST_MODELS) > 0:
            models[MOST_MODELS:] = [f"and {more} more model{'s' * (more > 1)}"]
        other = {"lowest": "lower", "highest": "higher"}[edge]
        lines.append(
            f"The best learning rate is the {edge} that {protocol} tries, {lr:g}; a {other} one may be better: "
            f"{'; '.join(models)}."
        )
    return lines


def _edge(lr: float, protocol: str) -> str:
    rates = learning_rates(protocol)
    if len(rates) == 1:
        return "only"
    return next((name for name, of in EDGES.items() if lr == of(rates)), "")
