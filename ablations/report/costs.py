"""What the models of a run cost: parameters, and multiply-adds of 10 s of sound."""

import logging
from collections.abc import Collection

import pandas as pd

from ablations.models import cost, registry
from ablations.models.catalog import models_table
from results.reference.published import is_published
from results.scores.axes import is_timed

logger = logging.getLogger(__name__)

KINDS = {"scenes": False, "timestamps": True}
"""Kinds of embeddings, and whether event tasks have them."""
COST_COLUMNS = (*(f"gmacs_{kind}_10s" for kind in KINDS), "cost_unknown")


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
