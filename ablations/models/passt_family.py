"""The family of PaSST."""

from ablations.models.family import Facts, Family
from passt import PasstEmbedder, complexity
from passt.catalog import checkpoints
from passt.catalog.checkpoints import SAMPLE_RATE

FACTS_S = 10  # of sound, whose tokens are counted


def facts(name: str) -> Facts:
    """What is known of a checkpoint beside its card."""
    row = checkpoints.get(name)
    return Facts(
        row.hop,
        row.trained_on,
        row.audioset_mAP,
        row.shipped,
        stride=f"{row.fstride}x{row.tstride}",
        token_ms=row.tstride * row.hop * 1000 / SAMPLE_RATE,
        tokens_10s=row.tokens(FACTS_S * SAMPLE_RATE),
    )


def parameters(name: str) -> int:
    """How many numbers of the network training set."""
    return complexity.parameters(checkpoints.get(name))


def macs(name: str, levels: tuple[str, ...], samples: int) -> int:
    """Multiply-adds of the network for one window, as deep as the levels need."""
    network_levels = tuple(level for level in levels if level != "melmean")
    return complexity.macs(checkpoints.get(name), samples / SAMPLE_RATE, network_levels) if network_levels else 0


FAMILY = Family(
    cards=tuple(row.card for row in checkpoints.table().values()),
    build=PasstEmbedder,
    published=checkpoints.get,
    facts=facts,
    parameters=parameters,
    macs=macs,
    compiles=True,
)
