"""The one door to every model: a name to its card, a spec to its embedder, for PaSST and baselines alike."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ablations.models.baselines import checkpoints as cnn_checkpoints
from ablations.models.baselines import cnn14, crepe, logmel, melproj, mobilenet
from ablations.models.baselines.checkpoints import CnnCheckpoint
from ablations.models.baselines.cnn import CnnEmbedder
from ablations.models.baselines.named import fields_of
from ablations.models.baselines.named import table as named_cnns
from ablations.models.hear_modules import address
from ablations.models.hear_modules.embedder import HearEmbedder
from ablations.models.hear_modules.process import interpreter
from downstream.disk.files import absolute, expanded
from downstream.disk.memory import check_memory
from downstream.embedder import Embedder
from downstream.progress import Advance, Track, silent
from passt import EmbeddingSpec, PasstEmbedder, complexity
from passt.catalog import checkpoints, named
from passt.catalog.card import Card, choices
from passt.catalog.spec import parse_fields
from passt.network.precision import precision_for
from passt.weights.published import Published, file_tag, published_file


@dataclass(frozen=True)
class Frames:
    """The pieces of sound that a model with a receptive field of its own takes, and how far apart in scenes."""

    samples: int
    scene_hop_ms: int


@dataclass(frozen=True)
class Family:
    """Models that are built the same way.

    Attributes:
        build: (spec, device=, weights=, and precision= where the card has `precisions`) to an embedder.
        published: a checkpoint's name to what its published file is, for families whose weights are fetched.
        parameters: a checkpoint's name to the numbers that training set; None where they are not known.
        macs: (checkpoint's name, levels, samples) to the multiply-adds of its network for one window, as deep as the
            levels want; None where there is no network, or none that is known.
        frames: of models whose receptive field is their own.
    """

    cards: tuple[Card, ...]
    build: Callable[..., Embedder]
    published: Callable[[str], Published] | None = None
    parameters: Callable[[str], int] | None = None
    macs: Callable[[str, tuple[str, ...], int], int] | None = None
    frames: Frames | None = None


@functools.cache
def families() -> Mapping[str, Family]:
    """Every model family by name."""
    return {
        "passt": Family(
            tuple(row.card for row in checkpoints.table().values()),
            PasstEmbedder,
            checkpoints.get,
            lambda name: complexity.parameters(checkpoints.get(name)),
            _macs_of_passt,
        ),
        "panns": _cnns(cnn14.CARDS, cnn14.Cnn14Embedder),
        "efficientat": _cnns(mobilenet.CARDS, mobilenet.MobileNetEmbedder),
        "crepe": Family(
            crepe.CARDS,
            crepe.CrepeEmbedder,
            parameters=crepe.parameters,
            macs=lambda name, levels, samples: crepe.macs(name, levels),
            frames=Frames(crepe.FRAME, crepe.SCENE_HOP_MS),
        ),
        "logmel": Family(logmel.CARDS, logmel.LogMelEmbedder, parameters=lambda name: 0),
        "melproj": Family(melproj.CARDS, melproj.MelProjectionEmbedder, parameters=lambda name: 0),
        "hear": Family((), HearEmbedder),  # its cards are made of what is asked for
    }


def card(name: str) -> Card:
    """The card of a checkpoint, by name or alias, or of a HEAR module; ValueError names the known ones."""
    if name.startswith(address.PREFIX):
        return address.card(name)
    cards = [card for family in families().values() for card in family.cards]
    for candidate in cards:
        if name in (candidate.name, *candidate.aliases):
            return candidate
    known = choices(name, [*(card.name for card in cards), *named.table()], named_cnns())
    raise ValueError(f"unknown checkpoint {name!r}{known}, a configuration of EfficientAT_HEAR, hear:MODULE")


def resolve(fields: Mapping[str, Any] | str) -> EmbeddingSpec:
    """A complete, checked, canonical spec from fields or a spec text; what is left out is the card's default."""
    given = parse_fields(fields) if isinstance(fields, str) else dict(fields)
    if "checkpoint" not in given:
        raise ValueError("a model needs a checkpoint")
    given = fields_of(str(given.pop("checkpoint"))) | given
    found = card(given.pop("checkpoint"))
    return found.spec(**given)


def resolve_with_file(spec: str | EmbeddingSpec, weights: str | Path | None) -> tuple[EmbeddingSpec, Path | None]:
    """The canonical spec with its weights, and the file that gives them.

    Args:
        spec: a text, the name of one, or a spec. weights: a file; None leaves the spec's.

    Raises:
        ValueError: where a text names weights beside the file, or for what doesn't resolve.
    """
    fields = parse_fields(str(spec)) if isinstance(spec, str) else dataclasses.asdict(spec)
    if weights is None:
        return resolve(fields), None
    if isinstance(spec, str) and "weights" in fields:
        raise ValueError(f"weights are given twice: {fields['weights']!r} in the spec, and the file {weights}")
    fields["weights"], file = resolve_weights(str(absolute(expanded(weights))), Path())
    return resolve(fields), file


def resolve_weights(weights: str, base: Path) -> tuple[str, Path | None]:
    """The weights part of a spec, and the file where `weights` names one (relative to `base`).

    Raises:
        FileNotFoundError: for what looks like a file and is none.
    """
    looks_like_file = "/" in weights or weights.endswith((".pt", ".pth", ".ckpt", ".safetensors"))
    if not looks_like_file:
        return weights, None
    path = base / expanded(weights)
    if not path.is_file():
        raise FileNotFoundError(f"weights: no file at {path}")
    check_memory(f"weights: {path}", path.stat().st_size)
    return file_tag(path), path


def build(
    spec: EmbeddingSpec,
    *,
    device: str,
    weights: Path | None = None,
    python: Path | None = None,
    precision: str = "fp32",
    compiled: bool = False,
    track: Track = silent,
) -> Embedder:
    """The embedder of a spec's checkpoint and weights; its levels and windows are asked for as taps.

    Published weights that are not here are fetched, which `track` is told of in MB. Models whose card has no precisions
    compute in fp32, which their rows say; torch.compile is PaSST's, an interpreter of its own (`python`) HEAR modules'.

    Raises:
        ValueError: also for a file of weights that is not any more the one that the spec names.
    """
    found = card(spec.checkpoint)
    family = families()[found.family]
    options: dict[str, Any] = {"precision": precision} if found.precisions else {}
    if found.precisions:
        precision_for(precision, torch.device(device))  # before anything is fetched
    if found.family == "passt":
        options["compiled"] = compiled
    if found.family == "hear":
        options["python"] = python
    if weights and spec.weights.startswith("sha256-") and (tag := file_tag(weights)) != spec.weights:
        raise ValueError(f"{weights}: was changed: it is {tag}, expected {spec.weights} as when the study was read")
    if family.published and weights is None and spec.weights == "published":
        published_file(family.published(spec.checkpoint), track=_in_megabytes(track))
    return family.build(spec, device=device, weights=weights, **options)


def build_alone(
    spec: EmbeddingSpec,
    device: str,
    weights: Path | None,
    precision: str,
    track: Track = silent,
    python: str | Path | None = None,
) -> Embedder:
    """`build` for one model, whose precision is asked for by name: ValueError where it would be ignored."""
    if precision != "fp32" and not card(spec.checkpoint).precisions:
        raise ValueError(f"{spec.checkpoint}: precision must be fp32, got {precision!r}")
    python = interpreter_for(spec, python)
    return build(spec, device=device, weights=weights, python=python, precision=precision, track=track)


def interpreter_for(spec: EmbeddingSpec, python: str | Path | None, base: Path = Path()) -> Path | None:
    """The interpreter that `python` names (relative to `base`): ValueError for a model that is no HEAR module."""
    if python is None:
        return None
    if card(spec.checkpoint).family != "hear":
        raise ValueError(f"{spec.checkpoint}: python is for HEAR modules (hear:...), got {python}")
    return interpreter(python, base)


def _cnns(cards: tuple[Card, ...], embedder: type[CnnEmbedder]) -> Family:
    def published(name: str) -> CnnCheckpoint:
        return cnn_checkpoints.table()[name]

    return Family(
        cards,
        embedder,
        published,
        lambda name: embedder.parameters_of(published(name)),
        lambda name, levels, samples: embedder.macs_of(published(name), levels, samples),
    )


def _macs_of_passt(name: str, levels: tuple[str, ...], samples: int) -> int:
    deep = tuple(level for level in levels if level != "melmean")
    return complexity.macs(checkpoints.get(name), samples / checkpoints.SAMPLE_RATE, deep) if deep else 0


def _in_megabytes(track: Track) -> Track:
    @contextmanager
    def tracked(description: str, total: float) -> Iterator[Advance]:
        with track(f"{description} (MB)", total / 1e6) as advance:
            yield lambda amount: advance(amount / 1e6)

    return tracked
