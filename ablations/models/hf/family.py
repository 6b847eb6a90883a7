"""The family of encoders of the library transformers."""

from ablations.models.family import Family
from ablations.models.hf import known
from ablations.models.hf.address import PREFIX, short_name
from ablations.models.hf.embedder import HfEmbedder

FAMILY = Family(
    cards=(),  # the address that a spec names makes the card
    build=HfEmbedder,
    facts=known.facts,
    parameters=known.parameters,
    prefix=PREFIX,
    card_of=known.card,
    short_name=short_name,
)
