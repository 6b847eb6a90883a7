"""The family of audio encoders of the library transformers."""

from ablations.models.family import Facts, Family
from ablations.models.hf.address import PREFIX, short_name
from ablations.models.hf.embedder import HfEmbedder
from ablations.models.hf.known import known
from passt.catalog.card import Card


def card(checkpoint: str) -> Card:
    """The card of an encoder, from its configuration."""
    return known(checkpoint).card


def facts(checkpoint: str) -> Facts:
    """What is known of an encoder beside its card."""
    encoder = known(checkpoint)
    notes, frame_ms = encoder.notes, encoder.frame_ms
    return Facts(hop=None, trained_on="", audioset_mAP=None, shipped=None, token_ms=frame_ms, notes=notes)


def parameters(checkpoint: str) -> int:
    """How many numbers of an encoder training set, with its head."""
    return known(checkpoint).shape.parameters


FAMILY = Family(
    cards=(),  # the address that a spec names makes the card
    build=HfEmbedder,
    facts=facts,
    parameters=parameters,
    prefix=PREFIX,
    card_of=card,
    short_name=short_name,
)
