"""PythonModel: a function, a network or an object as a model, with what a model needs beside it."""

import functools
import inspect
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ablations.models.objects import address
from ablations.models.objects.identity import identity_of
from downstream.disk.fields import shown
from downstream.disk.files import fingerprint
from passt.catalog.spec import EmbeddingSpec

SCENE, TIMESTAMPS = (
    ("get_scene_embeddings", "scene_embedding"),
    ("get_timestamp_embeddings", "timestamp_embedding"),
)
"""Methods that an object may have; the first one counts. They take audio, or audio and the object, as in HEAR."""
WEIGHTS = re.compile(r"none|untrained-(0|[1-9]\d{0,17})")
VERSION = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
THIS_PROCESS = secrets.token_hex(6)
"""Tells objects without an identity from those of other processes."""


@dataclass(frozen=True, eq=False)
class PythonModel:
    """A Python object as a model; `model` makes it.

    Attributes:
        scene: (clips, samples) float32 tensor -> (clips, dim), a tensor or an array of floats.
        timestamps: (clips, samples) -> (embeddings (clips, steps, dim), timestamps in ms, (steps,) or (clips, steps));
            None where there are no timestamp embeddings, so that event tasks do not apply.
        sample_rate: of the clips, in Hz.
        name: what tables call it.
        version: stands for its code where it is not empty.
        weights: "none" or "untrained-SEED", as declared; empty for those of its spec, if it has one, or to hash them.
        parts: everything that is hashed.
    """

    scene: Callable[..., Any]
    timestamps: Callable[..., Any] | None
    sample_rate: int
    name: str
    version: str
    weights: str
    parts: tuple[Any, ...]

    def __repr__(self) -> str:
        version = f", version={self.version!r}" if self.version else ""
        timed = "" if self.timestamps else ", without timestamp embeddings"
        return f"<model {self.name}, {self.sample_rate} Hz{version}{timed}>"

    def spec(self) -> EmbeddingSpec:
        """Make the spec of the object as it is now."""
        return self.identified()[0]

    def identified(self) -> tuple[EmbeddingSpec, tuple[str, ...]]:
        """Make the spec of the object as it is now, and name the parts of it that nothing identifies."""
        identity = identity_of(self.parts, self.name)
        unknown = () if self.version else identity.unknown
        tag = f"version={self.version}" if self.version else f"code={identity.code}"
        if unknown:
            tag = f"process={fingerprint([THIS_PROCESS, self.name, identity.code])[:12]}"
        weights = f"sha256-{identity.weights}" if identity.weights else "none"
        if declared := self.weights or _weights_of(self.parts[0]):  # which takes the place of their hash
            weights = declared
            if identity.weights and not self.version:
                tag = tag[:-12] + fingerprint([tag, identity.weights])[:12]
        return address.card(f"{address.PREFIX}{self.name}?{tag}").spec(weights=weights), unknown


def model(
    model: Any,
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    timestamps: Callable[..., Any] | None = None,
    version: str | None = None,
    weights: str | None = None,
) -> PythonModel:
    """Make a model of a Python function, network or object.

    Its results are reused for as long as nothing changes: its code with all that it reads, and its weights. It computes
    on the device of its weights, in evaluation mode, without gradients.

    Args:
        model: a function of a tensor (clips, samples), float32 in [-1, 1], that returns (clips, dim); or an object with
            such a method, `get_scene_embeddings` or `scene_embedding`. Its method `get_timestamp_embeddings` or
            `timestamp_embedding`, if it has one, is used as `timestamps`.
        sample_rate: of the clips in Hz; None for the object's attribute of that name.
        name: what tables call it; None for the name of the function or class.
        timestamps: a function of the same clips that returns embeddings (clips, steps, dim) and timestamps in ms.
        version: stands for the model's code, where that can't be hashed. Give it another one whenever the code
            changes; weights of networks are hashed all the same.
        weights: "none" or "untrained-SEED" declares what its weights are; None hashes them.

    Raises:
        ValueError: something that is no model, or a model without a sample rate.

    >>> model(lambda audio: audio.unfold(1, 400, 400).std(-1).mean(1, keepdim=True), sample_rate=16000, name="loudness")
    <model loudness, 16000 Hz, without timestamp embeddings>
    """
    if isinstance(model, PythonModel):
        raise ValueError(f"{model.name}: is a model already")
    scene = _method(model, SCENE) or (model if _is_function(model) else None)
    if scene is None:
        expected = "a function of (clips, samples), or an object with a method get_scene_embeddings(audio)"
        raise ValueError(f"a model must be {expected}, got {_described(model)}")
    name = _name(model) if name is None else name
    if not isinstance(name, str) or not address.NAME.fullmatch(name):
        raise ValueError(f"name must be of letters, digits, '_', '-' and '.', got {shown(name)}")
    if timestamps is not None and not callable(timestamps):
        raise ValueError(f"{name}: timestamps must be a function of (clips, samples), got {_described(timestamps)}")
    if version is not None and not (isinstance(version, str) and VERSION.fullmatch(version)):
        raise ValueError(f"{name}: version must be a text of letters, digits, '_', '-' and '.', got {shown(version)}")
    if weights is not None and not (isinstance(weights, str) and WEIGHTS.fullmatch(weights)):
        raise ValueError(f"{name}: weights must be none or untrained-SEED, got {shown(weights)}")
    rate = getattr(model, "sample_rate", None) if sample_rate is None else sample_rate
    if rate is None:
        raise ValueError(f"{name}: needs the rate of its clips in Hz, such as sample_rate=16000")
    if not isinstance(rate, int) or isinstance(rate, bool) or rate < 1:
        raise ValueError(f"{name}: sample_rate must be a positive whole number of Hz, got {shown(rate)}")
    timed = timestamps or _method(model, TIMESTAMPS)
    return PythonModel(scene, timed, rate, name, version or "", weights or "", (model, timestamps, rate))


def called(function: Callable[..., Any] | None, otherwise: str) -> str:
    """What errors call a function: its name if that is one of the methods that an object may have."""
    while isinstance(function, functools.partial):
        function = function.args[0] if function.func is _with_model else function.func
    name = getattr(function, "__name__", "")
    return name if name in (*SCENE, *TIMESTAMPS) else otherwise


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


def _method(value: Any, names: tuple[str, ...]) -> Callable[..., Any] | None:
    """The first of the methods that an object has, as a function of audio alone."""
    if isinstance(value, type):
        return None
    found = next((found for name in names if callable(found := getattr(value, name, None))), None)
    return functools.partial(_with_model, found, value) if found and _takes_two(found) else found


def _with_model(function: Callable[..., Any], model: Any, audio: Any) -> Any:
    """Call a function as HEAR's API has it: (audio, model)."""
    return function(audio, model)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.default is p.empty and p.kind in places for p in parameters) == 2


def _name(value: Any) -> str:
    """A name for a function or an object, of the letters that a spec can have."""
    while isinstance(value, functools.partial):
        value = value.func
    if isinstance(spec := getattr(value, "spec", None), EmbeddingSpec):
        return re.sub(r"[^A-Za-z0-9_.-]+", "_", spec.checkpoint)
    name = getattr(value, "__name__", None) if not isinstance(value, nn.Module) else None
    text = re.sub(r"[^A-Za-z0-9_.-]+", "", name if isinstance(name, str) else type(value).__name__)
    return text.lstrip(".-") or "model"


def _weights_of(value: Any) -> str:
    """The weights of an embedder of this project, which has a spec; empty for anything else."""
    spec = getattr(value, "spec", None)
    return spec.weights if isinstance(spec, EmbeddingSpec) else ""


def _described(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}; make an object of it"
    plain = value is None or isinstance(value, str | int | float | list | tuple | dict)
    return shown(value) if plain else f"an object of type {type(value).__name__}"
