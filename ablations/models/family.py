"""Family: models that are built in the same way, and what they are able to do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from downstream.embedder import Embedder
from passt.catalog.card import Card
from passt.weights.published import Published


@dataclass(frozen=True)
class Frames:
    """The excerpts of a model whose receptive field is its own.

    Attributes:
        samples: of an excerpt.
        scene_hop_ms: distance of the excerpts of a scene.
    """

    samples: int
    scene_hop_ms: int


@dataclass(frozen=True)
class Facts:
    """What is known of a checkpoint beside its card.

    Attributes:
        hop: of the STFT, in samples; None if it has none, or it is not known.
        trained_on: the data that it was trained on.
        audioset_mAP: its score as published; None for weights of other data.
        shipped: the file of a demonstration checkpoint, which is part of a package.
        stride: of the patches, bands x frames.
        token_ms: the time from one token to the next.
        tokens_10s: of 10 s of sound.
        notes: what a reader of its numbers must know, a sentence each.
    """

    hop: int | None
    trained_on: str
    audioset_mAP: float | None
    shipped: Path | None
    stride: str | None = None
    token_ms: float | None = None
    tokens_10s: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Models that are built in the same way.

    Attributes:
        cards: of its checkpoints; empty if they are made of what a spec asks for.
        build: (spec, device=, weights=) to an embedder. It takes precision= if the checkpoint's card has `precisions`,
            and compiled= or python= as declared below.
        published: a checkpoint's name to its published file; None if the family's weights are not fetched.
        facts: a checkpoint's name to what else is known of it.
        parameters: a checkpoint's name to how many numbers training set; None if that is not known.
        macs: (a checkpoint's name, levels, samples) to the multiply-adds of its network for one window, as deep as the
            levels need; None if it has no network, or none that is known.
        uncounted: why `macs` is None.
        frames: the excerpts of models whose receptive field is their own.
        compiles: whether torch.compile can make its code.
        has_interpreter: whether a model can run by another Python interpreter.
        here_only: whether its models are objects of this process, which no other process has.
        prefix: how the addresses begin that stand for its models in place of names, such as ``hear:``.
        card_of: makes the card of an address.
        short_name: what labels call an address, and what tells it from others of that name.
    """

    cards: tuple[Card, ...]
    build: Callable[..., Embedder]
    published: Callable[[str], Published] | None = None
    facts: Callable[[str], Facts] | None = None
    parameters: Callable[[str], int] | None = None
    macs: Callable[[str, tuple[str, ...], int], int] | None = None
    uncounted: str = "its network is not counted"
    frames: Frames | None = None
    compiles: bool = False
    has_interpreter: bool = False
    here_only: bool = False
    prefix: str = ""
    card_of: Callable[[str], Card] | None = None
    short_name: Callable[[str], tuple[str, str]] | None = None
