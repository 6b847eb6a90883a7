"""The table of models: sample rate, levels, windows and cost of each, and whether its weights are here."""

from collections.abc import Iterable, Sequence

import pandas as pd

from ablations.models import cost, registry
from ablations.models.family import Facts, Family
from passt.catalog.card import Card
from passt.weights.published import Published, place

WHOLE = ("min_window_ms", "max_window_ms", "hop", "tokens_10s", "parameters", "cached_bytes")
"""Columns of whole numbers, which some models do not have."""
COLUMNS = (
    *("name", "alias", "family", "sample_rate", "levels", "token_levels", "min_window_ms", "max_window_ms"),
    *("hop", "hop_ms", "stride", "token_ms", "tokens_10s", "parameters", "gmacs_10s", "audioset_mAP", "trained_on"),
    *("spec", "weights", "precisions", "cached", "cached_bytes", "file", "url", "notes"),
)


def models_table(names: Sequence[str] = ()) -> pd.DataFrame:
    """List models, a row each; a value that a family does not know is missing.

    Args:
        names: models, their aliases, or named specs, which stand for their checkpoint; empty for every model.

    Returns:
        The columns name, alias, family; sample_rate (Hz); levels and token_levels, which keep the tokens of a window
        (tuples); min_window_ms and max_window_ms (both missing if the receptive field is the model's own); hop
        (samples), hop_ms; stride (frequency x time), token_ms (the time from one token to the next), tokens_10s (of
        10 s of sound); parameters; gmacs_10s (of the default scene embedding of 10 s); audioset_mAP, trained_on; spec
        (the default); weights (the kinds it can have, a tuple); precisions (whether others than fp32); cached (whether
        the file of published or demonstration weights is here), cached_bytes, file (its path), url; notes (what a
        reader of its numbers must know, a tuple).

    Raises:
        ValueError: an unknown name.
    """
    cards: Iterable[Card] = (card for family in registry.families().values() for card in family.cards)
    if names:
        cards = {card.name: card for card in map(registry.card_of, names)}.values()
    table = pd.DataFrame([_row(card) for card in cards], columns=list(COLUMNS))
    return table.astype(dict.fromkeys(WHOLE, "Int64") | {"cached": "boolean"})


def publishes(card: Card) -> bool:
    """Whether the model's weights are published as a file that can be fetched."""
    return registry.families()[card.family].published is not None and "published" in card.weights


def published_names() -> list[str]:
    """Every model whose published file can be fetched."""
    return [card.name for family in registry.families().values() for card in family.cards if publishes(card)]


def published(name: str) -> Published:
    """The published file of a model, by its name, alias, or a named spec.

    Raises:
        ValueError: an unknown name, or a model without such a file.
    """
    card = registry.card_of(name)
    row = registry.families()[card.family].published
    if row is None or not publishes(card):
        raise ValueError(f"{name}: no file to fetch: its weights, if it has any, are not published as one")
    return row(card.name)


def _row(card: Card) -> dict[str, object]:
    family = registry.families()[card.family]
    facts = family.facts(card.name) if family.facts else None
    return {
        "name": card.name,
        "alias": card.aliases[0] if card.aliases else "",
        "family": card.family,
        "sample_rate": card.sample_rate,
        "levels": card.levels,
        "token_levels": card.token_levels,
        "min_window_ms": card.min_window_ms,
        "max_window_ms": card.max_window_ms,
        "parameters": cost.parameters(card.name),
        "gmacs_10s": cost.macs(card.spec(), event=False) / 1e9,
        "spec": str(card.spec()),
        "weights": card.weights,
        "precisions": card.precisions,
        "notes": facts.notes if facts else (),
        **(_known(facts, card.sample_rate) if facts else {}),
        **_file(card, family, facts),
    }


def _known(facts: Facts, sample_rate: int) -> dict[str, object]:
    return {
        "hop": facts.hop,
        "hop_ms": facts.hop * 1000 / sample_rate if facts.hop else None,
        "stride": facts.stride,
        "token_ms": facts.token_ms,
        "tokens_10s": facts.tokens_10s,
        "audioset_mAP": facts.audioset_mAP,
        "trained_on": facts.trained_on,
    }


def _file(card: Card, family: Family, facts: Facts | None) -> dict[str, object]:
    """The file of published or demonstration weights, for a checkpoint that has one."""
    if family.published is None or not {"published", "demo"} & set(card.weights):
        return {}
    row = family.published(card.name)
    path = facts.shipped if facts and facts.shipped else place(row)
    cached = path.is_file()
    return {
        "cached": cached,
        "cached_bytes": path.stat().st_size if cached else None,
        "file": str(path),
        "url": row.url or None,
    }
