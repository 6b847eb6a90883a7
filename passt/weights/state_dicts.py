"""The tensors of one network in what a training saved: found under any one prefix, checked name by name.

Lightning, DataParallel, torch.compile and averaging wrappers put `net.`, `module.`, `_orig_mod.` and the like in front
of a network's names, beside counters, optimizer states and other networks.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

SHOWN = 2  # names in an error
INTEGERS = "num_batches_tracked"  # of norms: the one kind of tensor that is not of floats

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """Tensors of which a file may have all or none.

    Attributes:
        rows: those of `names` that may have any number of rows, all the same.
    """

    names: tuple[str, ...]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Tensors that may be the network's, without what stands in front of their names; and how many are beside."""

    place: str
    tensors: Mapping[str, Tensor]
    beside: int


def network_of(
    content: Any, shapes: Mapping[str, tuple[int, ...]], name: str, source: str, parts: Sequence[Part] = ()
) -> dict[str, Tensor]:
    """The network's tensors by their own names.

    Args:
        content: of a file: a state dict, or mappings that hold one.
        shapes: of every tensor that the network has. parts: what of it may be absent, or of other widths.
        name: of the network. source: of the content.

    Raises:
        ValueError: none or several of the state dicts are the network's; a tensor of another shape or kind; one line.
    """
    found = closest(content, shapes, source, parts)
    missing, unexpected = _differences(found.tensors, shapes, parts)
    if missing or unexpected:
        raise ValueError(
            f"{source}: not {name}: {len(missing)} tensors missing {missing[:SHOWN]}, "
            f"{len(unexpected)} unexpected {unexpected[:SHOWN]}" + (f" behind {found.place!r}" if found.place else "")
        )
    _check(found.tensors, shapes, name, source, parts)
    return dict(found.tensors)


def closest(content: Any, names: Collection[str], source: str, parts: Sequence[Part] = ()) -> Candidate:
    """The one state dict in `content` that has all names; where none has, the one that has most of them.

    Raises:
        ValueError: several have all names, or there is none.
    """
    candidates = list(_candidates(content, names))
    if not candidates:
        raise ValueError(f"{source}: not a state dict of tensors: it holds {_described(content)}")
    fitting = [candidate for candidate in candidates if not any(_differences(candidate.tensors, names, parts))]
    if any(not _equal(fitting[0], other) for other in fitting[1:]):
        places = " and ".join(repr(candidate.place) for candidate in fitting)
        raise ValueError(f"{source}: holds several networks, behind {places}; save the state dict of one alone")
    chosen = fitting[0] if fitting else max(candidates, key=lambda one: len(one.tensors.keys() & set(names)))
    if chosen.place:
        logger.info("%s: the tensors behind %r; left out: %d others", source, chosen.place, chosen.beside)
    return chosen


def _candidates(content: Any, names: Collection[str], place: str = "") -> Iterator[Candidate]:
    """The state dict itself, or what of it is behind each prefix of one of the names; then those of mappings in it."""
    if not isinstance(content, Mapping) or not content:
        return
    if not all(isinstance(value, Tensor) for value in content.values()):
        for key, value in content.items():
            if isinstance(key, str):
                yield from _candidates(value, names, f"{place}{key}: ")
        return
    found = [str(name) for name in content]
    known = Counter(name.removesuffix(tail) for name in found for tail in _tails(name) if tail in names)
    for prefix in known or ("",):
        others = [
            other for other in known if other != prefix and other.startswith(prefix) and 2 * known[other] > len(names)
        ]
        own = [name for name in found if name.startswith(prefix) and not name.startswith(tuple(others))]
        tensors = {name.removeprefix(prefix): content[name] for name in own}
        yield Candidate(place + prefix, tensors, len(found) - len(own))


def _tails(name: str) -> Iterator[str]:
    """The name, and what of it is behind each of its dots."""
    while name:
        yield name
        name = name.partition(".")[2]


def _differences(
    state: Mapping[str, Tensor], names: Collection[str], parts: Sequence[Part]
) -> tuple[list[str], list[str]]:
    """Names that are missing, and those that are too many."""
    present = state.keys()
    absent = {name for part in parts if not present & set(part.names) for name in part.names}
    return sorted(set(names) - present - absent), sorted(present - set(names))


def _equal(one: Candidate, other: Candidate) -> bool:
    return one.tensors.keys() == other.tensors.keys() and all(
        value.shape == other.tensors[name].shape and torch.equal(value, other.tensors[name])
        for name, value in one.tensors.items()
    )


def _check(
    state: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    name: str,
    source: str,
    parts: Sequence[Part],
) -> None:
    """Raise ValueError for a tensor of another shape, or that is not of finite floats."""
    widths = {row: state[part.rows[0]].shape[:1] for part in parts for row in part.rows if part.rows[0] in state}
    for key, tensor in state.items():
        shape = (*widths[key], *shapes[key][1:]) if key in widths else tuple(shapes[key])
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{source}: not {name}: {key} is {tuple(tensor.shape)}, expected {shape}")
        check_dense(key, tensor, source)
        if not tensor.isfinite().all():
            raise ValueError(f"{source}: {key} holds NaN or infinite values")


def check_dense(name: str, tensor: Any, source: str) -> None:
    """Raise ValueError for what is no dense tensor of floats with values; norms count in integers."""
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{source}: {name} must be a dense tensor of floats, got {type(tensor).__name__}")
    if tensor.layout != torch.strided or tensor.is_meta or not (tensor.is_floating_point() or name.endswith(INTEGERS)):
        kind = "without values" if tensor.is_meta else f"{tensor.dtype}, {tensor.layout}"
        raise ValueError(f"{source}: {name} must be a dense tensor of floats, got one {kind}".replace("torch.", ""))


def _described(content: Any) -> str:
    if not isinstance(content, Mapping):
        return type(content).__name__
    other = next((key for key, value in content.items() if not isinstance(value, Tensor)), None)
    return f"{type(content).__name__} of other things, such as {other!r}" if content else "nothing"
