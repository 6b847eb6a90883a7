"""The costs of a run's models: parameters, multiply-adds for 10 s of sound, and the latency of a stream of it."""

import logging
import math
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ablations.models import cost, registry
from ablations.models.catalog import models_table
from ablations.models.lookahead import lookahead_ms
from ablations.models.times import NO_TIMES, Times
from passt import EmbeddingSpec
from results.reference.published import is_published
from results.scores.axes import FUSED, checkpoint_of, is_timed

logger = logging.getLogger(__name__)

KINDS = {"scenes": False, "timestamps": True}
"""Kinds of embeddings, and whether event tasks take them."""
LOOKAHEAD, COMPUTE, FACTOR = "look-ahead in ms", "ms to compute a timestamp", "real-time factor"
WHOLE_CLIP = "the clip"
"""The look-ahead of timestamps that are read from the whole clip."""
COST_COLUMNS = (*(f"gmacs_{kind}_10s" for kind in KINDS), "cost_unknown")


def costs_of(rows: pd.DataFrame, times: Times = NO_TIMES) -> pd.DataFrame:
    """Give the costs of the measured models of rows: index model; NaN where a cost is not known.

    Columns: parameters, and the GMACs (10^9 multiply-adds) for 10 s of sound, of scene embeddings where rows are of
    scene tasks, of timestamp embeddings where they are of event tasks. For event tasks the look-ahead of timestamps
    follows: sound that decides an embedding and comes after its timestamp. Where times are known, the milliseconds to
    compute one timestamp alone come last, and the real-time factor of a stream: these over the timestamp hop.

    Args:
        rows: as `results.load` gives them.
        times: that were measured.
    """
    known = known_models(rows).set_index("spec")
    kinds = _kinds(rows)
    specs = rows[~is_published(rows)].drop_duplicates("model").set_index("model")["spec"]
    gmacs = {f"GMACs of 10 s, {kind}": specs.map(known[f"gmacs_{kind}_10s"]) for kind in kinds}
    costs = pd.DataFrame({"parameters": specs.map(known["parameters"].astype(float)), **gmacs})
    if "timestamps" not in kinds:
        return costs
    costs[LOOKAHEAD] = specs.map(_lookahead).astype(object)
    computed = specs.map(times.of).astype(float)
    if computed.notna().any():
        costs[COMPUTE] = computed
        costs[FACTOR] = specs.map(lambda text: _real_time_factor(text, times)).astype(float)
    return costs


def costs_with_times(rows: pd.DataFrame, latency: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Give the costs of models with the times of a file, and lines that say where these are from.

    Args:
        rows: as `results.load` gives them.
        latency: the file that `ablate benchmark latency --out` wrote; None for none.
    """
    times = Times.read(latency) if latency else NO_TIMES
    origin = times.origin(rows.loc[~is_published(rows), "spec"].dropna())
    return costs_of(rows, times), [origin] if origin else []


def unknown_costs(rows: pd.DataFrame) -> list[str]:
    """Say for each reason which models' multiply-adds are not known, a line each."""
    known = known_models(rows)
    reasons = known[known["cost_unknown"] != ""].set_index("spec")["cost_unknown"]
    models = rows[~is_published(rows)].drop_duplicates("model")
    groups = models.assign(reason=models["spec"].map(reasons)).dropna(subset="reason").groupby("reason", sort=False)
    return [f"Multiply-adds are not known of {', '.join(group['model'])}: {reason}." for reason, group in groups]


def known_models(rows: pd.DataFrame, costs: bool = True) -> pd.DataFrame:
    """List what is known of the specs of measured rows, a row each; unknown checkpoints have none.

    Columns: those of `ablations.models.catalog.models_table`, whose name is the checkpoint; spec is the text that rows
    have.

    Args:
        costs: whether to add `gmacs_scenes_10s` and `gmacs_timestamps_10s` (`ablations.models.cost`), counted for the
            kinds of tasks that rows are of, and `cost_unknown`, why they are NaN.
    """
    texts = rows.loc[~is_published(rows), "spec"].dropna().astype(str).drop_duplicates()
    tables = [models_table(["logmel"]).iloc[:0]]
    for checkpoint, group in texts.groupby(checkpoint_of(texts), sort=False):
        try:
            if FUSED in checkpoint:
                tables += [_side_by_side(text, checkpoint) for text in group]
                continue
            model = models_table([checkpoint]).drop(columns="spec")
        except ValueError:  # rows of another version, or made by hand
            logger.debug("checkpoint %s is not known here", checkpoint)
            continue
        tables.append(model.merge(group.rename("spec"), how="cross"))
    known = pd.concat(tables[1:] or tables, ignore_index=True)
    if not costs:
        return known
    kinds = _kinds(rows)
    return known.join(pd.DataFrame([_multiply_adds(text, kinds) for text in known["spec"]], columns=list(COST_COLUMNS)))


def _side_by_side(text: str, name: str) -> pd.DataFrame:
    """Describe models side by side in a row of `known_models`: what adds up, and nothing of one of them alone.

    Args:
        text: of their spec.
        name: their checkpoints.
    """
    spec = registry.resolve(text)
    networks = models_table([part.checkpoint for part in spec.parts])
    row = dict.fromkeys(networks.columns) | {
        "name": name,
        "family": FUSED.join(networks["family"].unique()),
        "levels": (),
        "token_levels": (),
        "parameters": cost.parameters_of(spec),
        "notes": tuple(dict.fromkeys(note for notes in networks["notes"] for note in notes)),
        "spec": text,
    }
    return pd.DataFrame([row])


def _kinds(rows: pd.DataFrame) -> list[str]:
    """List the kinds of embeddings that measured tasks take."""
    measured = rows[~is_published(rows) & rows["primary"].astype(bool)]
    timed = set(is_timed(measured["metric"]))
    return [kind for kind, event in KINDS.items() if event in timed]


def _multiply_adds(text: str, kinds: Collection[str]) -> dict[str, float | str]:
    """Count `COST_COLUMNS` of a spec's text."""
    try:
        spec = registry.resolve(text)
    except ValueError:
        return {"cost_unknown": "this version has no such spec"}
    gmacs = {f"gmacs_{kind}_10s": cost.macs(spec, KINDS[kind]) / 1e9 for kind in kinds}
    return gmacs | {"cost_unknown": cost.unknown_of(spec)}


def _lookahead(text: str) -> float | str:
    """The look-ahead of a spec's text; NaN if it is not known."""
    try:
        wait = lookahead_ms(registry.resolve(text))
    except ValueError:  # another version has it
        return math.nan
    return WHOLE_CLIP if wait == math.inf else wait


def _real_time_factor(text: str, times: Times) -> float:
    """The share of a stream's time that the timestamps of a spec take; those of models side by side add up.

    It is NaN where a model decides its timestamps itself.
    """
    parts = EmbeddingSpec.parse(text).parts
    shares = [(times.of(str(part)), part.timestamp_hop_ms) for part in parts]
    return sum(computed / hop_ms if hop_ms else math.nan for computed, hop_ms in shares)
