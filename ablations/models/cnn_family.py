"""Families of convolutional networks, whose checkpoints differ in weights, hop and width."""

from ablations.models.baselines import checkpoints
from ablations.models.baselines.cnn import CnnEmbedder
from ablations.models.family import Facts, Family
from passt.catalog.card import Card


def family(cards: tuple[Card, ...], embedder: type[CnnEmbedder]) -> Family:
    """Make the family of one network.

    Args:
        cards: of its checkpoints, which are rows of `ablations.models.baselines.checkpoints`.
        embedder: the network as an embedder.
    """

    def parameters(name: str) -> int:
        return embedder.parameters_of(checkpoints.get(name))

    def macs(name: str, levels: tuple[str, ...], samples: int) -> int:
        return embedder.macs_of(checkpoints.get(name), levels, samples)

    return Family(cards=cards, build=embedder, published=checkpoints.get, facts=facts, parameters=parameters, macs=macs)


def facts(name: str) -> Facts:
    """What is known of a checkpoint beside its card."""
    row = checkpoints.get(name)
    return Facts(row.hop, row.trained_on, row.audioset_mAP, row.shipped)
