"""Every model as a row: what it listens to, its levels and windows, its cost, and whether its weights are here."""

from collections.abc import Iterable, Sequence

import pandas as pd

from ablations.models import cost, registry
from ablations.models.baselines.named import fields_of
from passt.catalog import checkpoints
from passt.catalog.card import Card
from passt.weights.published import Published, place

WHOLE = ("min_window_ms", "max_window_ms", "hop", "tokens_10s", "parameters", "cached_bytes")
"""Columns of whole numbers, absent for some models."""
TRAINING = ("audioset_mAP", "trained_on")  # of published files that say so
COLUMNS = (
    *("name", "alias", "family", "sample_rate", "levels", "min_window_ms", "max_window_ms"),
    *("hop", "hop_ms", "stride", "token_ms", "tokens_10s", "parameters", "gmacs_10s", *TRAINING),
    *("spec", "weights", "precisions", "cached", "cached_bytes", "file", "url"),
)


def models_table(names: Sequence[str] = ()) -> pd.DataFrame:
    """Every model of every family, PaSST's first, or those named; what a family doesn't know is missing.

    Columns: name, alias, family; sample_rate in Hz; levels (a tuple); bounds of its windows, both absent where its
    receptive field is its own; hop in samples and `hop_ms`, stride (frequency x time), `token_ms` (the time from one
    token to the next), `tokens_10s` (of a clip of 10 s), parameters, `gmacs_10s` (of the scene embedding of 10 s by the
    defaults), audioset_mAP, trained_on; spec (of the defaults), weights (the kinds it can have, a tuple), precisions
    (whether others than fp32); cached (whether the file of published or demonstration weights is here), `cached_bytes`,
    file (its place) and url.

    Args:
        names: models, their aliases, or named specs, which stand for their checkpoint.

    Raises:
        ValueError: for an unknown name.
    """
    every = sorted(registry.families().items(), key=lambda item: item[0] != "passt")
    cards: Iterable[Card] = (card for _, family in every for card in family.cards)
    if names:
        cards = {found.name: found for found in map(card_of, names)}.values()
    table = pd.DataFrame([_row(card) for card in cards], columns=list(COLUMNS))
    return table.astype(dict.fromkeys(WHOLE, "Int64") | {"cached": "boolean"})


def card_of(name: str) -> Card:
    """The card of a model, by its name, alias, or a named spec; ValueError names the known ones."""
    return registry.card(fields_of(name)["checkpoint"])


def publishes(card: Card) -> bool:
    """Whether there is a published file of the model's weights that can be fetched."""
    return registry.families()[card.family].published is not None and "published" in card.weights


def published_names() -> list[str]:
    """Every model whose published file can be fetched."""
    return [card.name for family in registry.families().values() for card in family.cards if publishes(card)]


def published(name: str) -> Published:
    """The published file of a model, by its name, alias, or a named spec.

    Raises:
        ValueError: an unknown name, or a model without such a file.
    """
    card = card_of(name)
    if not publishes(card):
        raise ValueError(f"{name}: no file to fetch: its weights, if it has any, are not published as one")
    return registry.families()[card.family].published(card.name)


def _row(card: Card) -> dict:
    family = registry.families()[card.family]
    return {
        "name": card.name,
        "alias": card.aliases[0] if card.aliases else "",
        "family": card.family,
        "sample_rate": card.sample_rate,
        "levels": card.levels,
        "min_window_ms": card.min_window_ms,
        "max_window_ms": card.max_window_ms,
        "parameters": cost.parameters(card.name),
        "gmacs_10s": cost.macs(card.spec(), event=False) / 1e9,
        "spec": str(card.spec()),
        "weights": card.weights,
        "precisions": card.precisions,
        **(_of_the_file(card, family) if {"published", "demo"} & set(card.weights) and family.published else {}),
        **(_tokens(card.name) if card.family == "passt" else {}),
    }


def _tokens(name: str) -> dict:
    checkpoint = checkpoints.get(name)
    return {
        "stride": f"{checkpoint.fstride}x{checkpoint.tstride}",
        "token_ms": checkpoint.tstride * checkpoint.hop * 1000 / checkpoints.SAMPLE_RATE,
        "tokens_10s": checkpoint.tokens(cost.SECONDS * checkpoints.SAMPLE_RATE),
    }


def _of_the_file(card: Card, family: registry.Family) -> dict:
    row = family.published(card.name)
    path = getattr(row, "shipped", None) or place(row)
    cached = path.is_file()
    return {
        **{name: getattr(row, name, None) for name in TRAINING},
        **({"hop": row.hop, "hop_ms": row.hop * 1000 / card.sample_rate} if hasattr(row, "hop") else {}),
        "cached": cached,
        "cached_bytes": path.stat().st_size if cached else None,
        "file": str(path),
        "url": row.url or None,
    }
