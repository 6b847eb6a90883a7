"""The one door to every model: a name to its card, a spec to its embedder, for PaSST and baselines alike.

A new family is one file, with its cards and its embedder, and one row of `families`. Another package adds one by an
entry point (`outside`).
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ablations.models import cnn_family, hf_family, outside, passt_family
from ablations.models.baselines import chance, cnn14, crepe, crepe_net, logmel, melproj, mobilenet
from ablations.models.baselines.named import fields_of
from ablations.models.baselines.named import table as named_cnns
from ablations.models.family import Family, Frames
from ablations.models.hear_modules import address
from ablations.models.hear_modules.embedder import HearEmbedder
from ablations.models.hear_modules.process import interpreter
from ablations.models.hf import address as hub
from ablations.models.objects import address as objects
from ablations.models.objects.embedder import PythonEmbedder
from downstream.disk.files import absolute, expanded
from downstream.disk.memory import check_memory
from downstream.embedder import Embedder
from downstream.progress import Advance, Track, silent
from passt import EmbeddingSpec
from passt.catalog import named
from passt.catalog.card import Card
from passt.catalog.choices import choices
from passt.catalog.spec_text import parse_fields
from passt.devices import placed
from passt.network.precision import precision_for
from passt.weights.published import file_tag, published_file

FRONT_END = "and its front end is not counted"


def _no_parameters(checkpoint: str) -> int:
    """The parameters of a model without training."""
    return 0


@functools.cache
def families() -> Mapping[str, Family]:
    """Every model family by name: those of this package, then those that other packages add."""
    own = {
        "passt": passt_family.FAMILY,
        "panns": cnn_family.family(cnn14.CARDS, cnn14.Cnn14Embedder),
        "efficientat": cnn_family.family(mobilenet.CARDS, mobilenet.MobileNetEmbedder),
        "crepe": Family(
            cards=crepe.CARDS,
            build=crepe.CrepeEmbedder,
            parameters=crepe_net.parameters,
            macs=lambda name, levels, samples: crepe_net.macs(name, levels),
            frames=Frames(crepe_net.FRAME, crepe.SCENE_HOP_MS),
        ),
        "logmel": Family(
            cards=logmel.CARDS,
            build=logmel.LogMelEmbedder,
            parameters=_no_parameters,
            uncounted=f"it has no network, {FRONT_END}",
        ),
        "melproj": Family(
            cards=melproj.CARDS,
            build=melproj.MelProjectionEmbedder,
            parameters=_no_parameters,
            uncounted=f"it has no network but one random projection, {FRONT_END}",
        ),
        "chance": Family(
            cards=chance.CARDS,
            build=chance.ChanceEmbedder,
            parameters=_no_parameters,
            uncounted="it has no network",
        ),
        "hear": Family(
            cards=(),  # the address that a spec names makes the card
            build=HearEmbedder,
            uncounted="what a HEAR module computes is not known",
            has_interpreter=True,
            prefix=address.PREFIX,
            card_of=address.card,
            short_name=address.short_name,
        ),
        "python": Family(
            cards=(),  # likewise
            build=PythonEmbedder,
            uncounted="what a Python object computes is not known",
            here_only=True,
            prefix=objects.PREFIX,
            card_of=objects.card,
            short_name=objects.short_name,
        ),
        "hf": hf_family.FAMILY,
    }
    return own | outside.families(own)


def family_of(checkpoint: str) -> Family:
    """The family of a checkpoint, by its name or alias."""
    return families()[card(checkpoint).family]


def card(name: str) -> Card:
    """The card of a checkpoint by its name or alias, or by the address of a model that has one, such as a HEAR module.

    Raises:
        ValueError: an unknown name; suggests the closest ones.
    """
    for family in families().values():
        if family.card_of is not None and name.startswith(family.prefix):
            return family.card_of(name)
    cards = [card for family in families().values() for card in family.cards]
    for candidate in cards:
        if name in (candidate.name, *candidate.aliases):
            return candidate
    names = [candidate.name for candidate in cards]
    aliases = [alias for candidate in cards for alias in candidate.aliases]
    also = [*aliases, *named.table(), *named_cnns()]
    known = choices(name, names, also, listed_by="`ablate models`")
    raise ValueError(
        f"unknown checkpoint {name!r}{known}; hear:MODULE is a HEAR module, hf:ORG/NAME an encoder of transformers"
    )


def card_of(name: str) -> Card:
    """The card of a model by its name, alias, or a named spec, which stands for its checkpoint."""
    return card(fields_of(name)["checkpoint"])


def resolve(fields: Mapping[str, Any] | str) -> EmbeddingSpec:
    """Make a complete, checked and canonical spec.

    Args:
        fields: of the spec, or its text; the card's defaults stand for those left out. The models in `beside` are
            specs, texts or fields themselves.

    Raises:
        ValueError: a field that the checkpoint does not allow, or models that can't stand side by side.
    """
    fields = dict(parse_fields(fields)) if isinstance(fields, str) else dict(fields)
    beside = fields.pop("beside", ())
    if "checkpoint" not in fields:
        raise ValueError("a model needs a checkpoint")
    fields = fields_of(str(fields.pop("checkpoint"))) | fields
    spec = card(str(fields.pop("checkpoint"))).spec(**fields)
    if not beside:
        return spec
    parts = (resolve(fields_by_name(part) if isinstance(part, EmbeddingSpec) else part) for part in beside)
    return dataclasses.replace(spec, beside=tuple(parts))


def fields_by_name(spec: EmbeddingSpec) -> dict[str, Any]:
    """The fields of a spec; the specs beside it stay specs."""
    return {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}


def located(checkpoint: str, base: Path) -> str:
    """Let the path of a relative folder in an address (``hf:./mine``) begin at a folder; other names stay."""
    return hub.below(checkpoint, base) if checkpoint.startswith(hub.PREFIX) else checkpoint


def resolve_with_file(spec: str | EmbeddingSpec, weights: str | Path | None) -> tuple[EmbeddingSpec, Path | None]:
    """Make a canonical spec of a spec and a weight file.

    Args:
        spec: a spec, its text, or the name of one.
        weights: a weight file; None leaves the spec's weights.

    Returns:
        The spec with its weights, and the file.

    Raises:
        ValueError: a text that names weights beside the file, or a field that the checkpoint does not allow.
    """
    fields = dict(parse_fields(str(spec))) if isinstance(spec, str) else fields_by_name(spec)
    if weights is None:
        return resolve(fields), None
    if fields.get("beside"):
        raise ValueError(f"a weight file is of one model, got {weights} for {spec}; a study's YAML gives each its own")
    if isinstance(spec, str) and "weights" in fields:
        raise ValueError(f"weights are given twice: {fields['weights']!r} in the spec, and the file {weights}")
    fields["weights"], file = resolve_weights(str(absolute(expanded(weights))), Path())
    return resolve(fields), file


def resolve_weights(weights: str, base: Path) -> tuple[str, Path | None]:
    """The weights part of a spec, and the file if `weights` names one.

    Args:
        weights: a part of a spec, or a path.
        base: the folder that a path starts at.

    Raises:
        FileNotFoundError: a path without a file.
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
    """Build the embedder of a spec's checkpoint and weights; its levels and windows are taps of each call.

    Published weights that are not here are fetched.

    Args:
        spec: in canonical form.
        device: "cpu" or "cuda".
        weights: the file that the spec's weights name.
        python: the interpreter that has a HEAR module; other families ignore it.
        precision: fp32, tf32 or bf16. A model whose card has no precisions computes in fp32, and its rows say so.
        compiled: whether torch.compile makes the code of models that allow it.
        track: is told how much is fetched, in MB.

    Raises:
        ValueError: a precision that the device does not have, or a weight file that the spec does not name any more.
        FileNotFoundError: weights that are not here and can't be fetched.
    """
    spec.refuse_beside()
    has_precisions, family = card(spec.checkpoint).precisions, family_of(spec.checkpoint)
    options: dict[str, Any] = {}
    if has_precisions:
        precision_for(precision, placed(device))  # before anything is fetched
        options["precision"] = precision
    if family.compiles:
        options["compiled"] = compiled
    if family.has_interpreter:
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
    """Build one model, as `build` does; ValueError for a precision or an interpreter that would be ignored."""
    if precision != "fp32" and not card(spec.checkpoint).precisions:
        raise ValueError(f"{spec.checkpoint}: precision must be fp32, got {precision!r}")
    python = interpreter_for(spec, python)
    return build(spec, device=device, weights=weights, python=python, precision=precision, track=track)


def interpreter_for(spec: EmbeddingSpec, python: str | Path | None, base: Path = Path()) -> Path | None:
    """The interpreter of a HEAR module.

    Args:
        spec: names the module.
        python: a path, or a name that $PATH has; None for this interpreter.
        base: the folder that a path starts at.

    Raises:
        ValueError: an interpreter for a model that is no HEAR module.
        FileNotFoundError: a path without an interpreter.
    """
    if python is None:
        return None
    if not family_of(spec.checkpoint).has_interpreter:
        raise ValueError(f"{spec.checkpoint}: python is for HEAR modules (hear:...), got {python}")
    return interpreter(python, base)


def _in_megabytes(track: Track) -> Track:
    @contextmanager
    def tracked(description: str, total: float) -> Iterator[Advance]:
        with track(f"{description} (MB)", total / 1e6) as advance:
            yield lambda amount: advance(amount / 1e6)

    return tracked
