"""The family of audio encoders of the library transformers."""

from ablations.models.family import Facts, Family
from ablations.models.hf import loading, shape
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


def macs(checkpoint: str, levels: tuple[str, ...], samples: int) -> int:
    """Multiply-adds of an encoder for one window; all levels need all of it, for its blocks run to the end."""
    encoder = known(checkpoint)
    return shape.macs(encoder.files, loading.on_meta(encoder.config, encoder.files), encoder.inputs, samples)


FAMILY = Family(
    cards=(),  # the address that a spec names makes the card
    build=HfEmbedder,
    facts=facts,
    parameters=parameters,
    macs=macs,
    prefix=PREFIX,
    card_of=card,
    short_name=short_name,
)
