"""A trained probe as JSON and tensors, and the probe that is made of them again, whose every part is checked."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import Tensor

from downstream.disk.fields import choice, flag, list_of, mapping, number, whole, wrong
from downstream.events.targets import PostProcessing
from downstream.pooling import fixed
from downstream.pooling.pooling import OF_LEVELS, OF_TOKENS, Pooling
from downstream.probes.probe import INITIALIZATIONS, ProbeConfig
from downstream.scaling import TargetScale
from downstream.solvers import SOLVERS
from downstream.tasks.task import PREDICTION_TYPES
from downstream.trained.preparation import Preparation
from downstream.trained.probe import TrainedProbe, shapes_of

WEIGHTS = "weights/"  # begins the names of a probe's weights
STATISTICS = ("mean", "std")
MOST = 10**9  # of dimensions and labels
COEF = {"coef": 2, "intercept": 1, "classes": 1, "labels": 1, "shares": 1}
"""Weights of a solver -> their number of axes."""


def tensors_of(probe: TrainedProbe) -> dict[str, Tensor]:
    """The tensors of a probe by name."""
    tensors = {f"{WEIGHTS}{name}": value.contiguous() for name, value in probe.weights.items()}
    if statistics := probe.preparation.statistics:
        tensors |= {name: torch.from_numpy(part) for name, part in zip(STATISTICS, statistics, strict=True)}
    return tensors


def described(probe: TrainedProbe) -> dict[str, Any]:
    """A probe without its tensors, as JSON has it."""
    pooling = probe.pooling or probe.preparation.pooling
    return {
        "kind": probe.kind if isinstance(probe.kind, str) else asdict(probe.kind),
        "dim": probe.dim,
        "labels": probe.labels,
        "prediction_type": probe.prediction_type,
        "pooling": asdict(pooling) if pooling else None,
        "standardized": probe.preparation.statistics is not None,
        "scale": {"mean": list(probe.scale.mean), "std": list(probe.scale.std)} if probe.scale else None,
        "threshold": probe.threshold,
        "postprocessing": asdict(probe.postprocessing) if probe.postprocessing else None,
    }


def probe_of(description: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str) -> TrainedProbe:
    """Make a probe of what `described` and `tensors_of` gave.

    Args:
        where: names the file and the fold, for messages.

    Raises:
        ValueError: names what is wrong: a type, a size or a shape.
    """
    dim, labels = (whole(description.get(name), f"{where}: {name}", 1, MOST) for name in ("dim", "labels"))
    pooling = _pooling(description.get("pooling"), dim, f"{where}: pooling")
    learned, unlearned = (pooling, None) if pooling and pooling.learns else (None, pooling)
    width = fixed.POOLS[unlearned.name][1] * dim // unlearned.parts if unlearned else dim
    statistics = None
    if flag(description.get("standardized"), f"{where}: standardized"):
        mean, std = (_tensor(tensors, name, (width,), torch.float64, where).numpy() for name in STATISTICS)
        statistics = mean, std
    kind = _kind(description.get("kind"), f"{where}: kind")
    weights = {name.removeprefix(WEIGHTS): value for name, value in tensors.items() if name.startswith(WEIGHTS)}
    if isinstance(kind, ProbeConfig):
        shapes = shapes_of(kind, width, labels, learned)
        if weights.keys() != shapes.keys():
            raise wrong(sorted(weights), f"{where}: tensors", f"those of {kind}")
        for name, shape in shapes.items():
            _tensor(weights, name, shape, torch.float32 if shape else torch.int64, where)
    else:
        _check_solver(weights, width, labels, where)
    threshold = description.get("threshold")
    return TrainedProbe(
        kind,
        weights,
        dim,
        labels,
        choice(description.get("prediction_type"), f"{where}: prediction_type", PREDICTION_TYPES),
        Preparation(unlearned, statistics),
        learned,
        _scale(description.get("scale"), labels, f"{where}: scale"),
        None if threshold is None else number(threshold, f"{where}: threshold"),
        _postprocessing(description.get("postprocessing"), f"{where}: postprocessing"),
    )


def _kind(value: Any, where: str) -> ProbeConfig | str:
    if isinstance(value, str):
        return choice(value, where, [name for name, solver in SOLVERS.items() if solver.restored])
    names = [field.name for field in fields(ProbeConfig)]
    if set(mapping(value, where)) != set(names):
        raise wrong(value, where, f"a configuration with {', '.join(names)}")
    for name in ("lr", "dropout"):
        number(value[name], f"{where}: {name}")
    choice(value["init"], f"{where}: init", INITIALIZATIONS)
    try:
        return ProbeConfig(**value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _pooling(value: Any, dim: int, where: str) -> Pooling | None:
    if value is None:
        return None
    name = choice(mapping(value, where).get("name"), f"{where}: name", (*OF_LEVELS, *OF_TOKENS))
    parts = value.get("parts")
    pooling = Pooling(name, whole(parts, f"{where}: parts", 1, dim))
    if dim % pooling.parts:
        raise wrong(parts, f"{where}: parts", f"a divisor of {dim}")
    return pooling


def _scale(value: Any, labels: int, where: str) -> TargetScale | None:
    if value is None:
        return None
    mean, std = (
        tuple(list_of(number, mapping(value, where).get(name), f"{where}: {name}")) for name in ("mean", "std")
    )
    if not len(mean) == len(std) == labels:
        raise wrong(value, where, f"means and standard deviations of {labels} targets")
    return TargetScale(mean, std)


def _postprocessing(value: Any, where: str) -> PostProcessing | None:
    if value is None:
        return None
    names = [field.name for field in fields(PostProcessing)]
    return PostProcessing(**{name: number(mapping(value, where).get(name), f"{where}: {name}") for name in names})


def _tensor(tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...], dtype: torch.dtype, where: str) -> Tensor:
    """A tensor that must have a shape and a type."""
    value = tensors.get(name)
    if value is None or (tuple(value.shape), value.dtype) != (shape, dtype):
        got = None if value is None else f"{tuple(value.shape)} {value.dtype}"
        raise ValueError(f"{where}: {name} must be {shape} {dtype}, got {got}")
    return value


def _check_solver(weights: Mapping[str, Tensor], dim: int, labels: int, where: str) -> None:
    """Raise ValueError for weights of a linear probe that do not fit its width and labels."""
    odd = [name for name, value in weights.items() if name not in COEF or value.dim() != COEF[name]]
    if odd or not {"coef", "intercept"} <= weights.keys() or not weights["coef"].dtype.is_floating_point:
        raise wrong(sorted(weights), f"{where}: tensors", "coef (labels, dim) and intercept (labels,)")
    rows = len(weights["coef"])
    width_fits = weights["coef"].shape[1] == dim and len(weights["intercept"]) == rows
    if not width_fits or rows != _rows(weights, labels):
        shapes = {name: tuple(value.shape) for name, value in weights.items()}
        raise wrong(shapes, f"{where}: tensors", f"weights of {labels} labels and {dim} features")


def _rows(weights: Mapping[str, Tensor], labels: int) -> int | None:
    """How many rows of coefficients a linear probe of so many labels has; None if its other weights do not fit."""
    if "classes" in weights:  # that training had: of two, the difference
        classes = weights["classes"].tolist()
        known = bool(classes) and all(isinstance(one, int) and 0 <= one < labels for one in classes)
        counted = "labels" in weights and weights["labels"].tolist() == [labels]
        return {1: 0, 2: 1}.get(len(classes), len(classes)) if known and counted else None
    return labels if len(weights.get("shares", weights["coef"])) == labels else None
