"""Find the tensors of a network in a file that a training saved, and check them.

Lightning, DataParallel, torch.compile and averaging wrappers put `net.`, `module.`, `_orig_mod.` and the like in front
of the names of a network's tensors, and save counters, optimizer states and other networks beside them.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

SHOWN = 2  # names that an error message lists
INTEGERS = "num_batches_tracked"  # counters of batch norms: the only tensors that are not floats

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """A part of a network that a file may lack as a whole.

    Attributes:
        names: names of the tensors.
        rows: names of those tensors that may have any number of rows, which must be the same for all of them.
    """

    names: tuple[str, ...]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """Tensors that may be the network's.

    Attributes:
        place: where they were found: keys of the mappings, then the prefix of the names.
        tensors: the tensors, with names without the prefix.
        beside: number of other tensors beside them.
    """

    place: str
    tensors: Mapping[str, Tensor]
    beside: int


def network_of(
    content: Any, shapes: Mapping[str, tuple[int, ...]], name: str, source: str, parts: Sequence[Part] = ()
) -> dict[str, Tensor]:
    """Find the tensors of a network in the content of a file, and check their shapes and types.

    Args:
        content: a state dict, or mappings that contain one.
        shapes: name -> shape of every tensor of the network.
        name: name of the network, for messages.
        source: where the content is from, for messages.
        parts: parts of the network that may be absent or have other widths.

    Returns:
        The tensors by their names in the network.

    Raises:
        ValueError: no state dict, or more than one, is the network's; or a tensor has another shape or type.
    """
    candidate = closest(content, shapes, source, parts)
    missing, unexpected = _differences(candidate.tensors, shapes, parts)
    if missing or unexpected:
        behind = f" behind {candidate.place!r}" if candidate.place else ""
        raise ValueError(
            f"{source}: not {name}: {len(missing)} tensors missing {missing[:SHOWN]}, "
            f"{len(unexpected)} unexpected {unexpected[:SHOWN]}{behind}"
        )
    _check(candidate.tensors, shapes, name, source, parts)
    return dict(candidate.tensors)


def closest(content: Any, names: Collection[str], source: str, parts: Sequence[Part] = ()) -> Candidate:
    """Find the state dict that has all names, or else the one that has most of them.

    Args:
        content: a state dict, or mappings that contain one.
        names: names of the network's tensors.
        source: where the content is from, for messages.
        parts: parts of the network that may be absent.

    Raises:
        ValueError: several different state dicts have all names, or there is no state dict.
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
    """List the candidates in the content of a file.

    In a state dict these are the tensors behind each prefix; in other mappings those of the mappings inside.
    """
    if not isinstance(content, Mapping) or not content:
        return
    if not all(isinstance(value, Tensor) for value in content.values()):
        for key, value in content.items():
            if isinstance(key, str):
                yield from _candidates(value, names, f"{place}{key}: ")
        return
    full_names = [str(name) for name in content]
    prefixes = Counter(name.removesuffix(tail) for name in full_names for tail in _tails(name) if tail in names)
    for prefix in prefixes or ("",):
        longer = tuple(
            other
            for other, count in prefixes.items()
            if other != prefix and other.startswith(prefix) and 2 * count > len(names)
        )
        chosen = [name for name in full_names if name.startswith(prefix) and not name.startswith(longer)]
        tensors = {name.removeprefix(prefix): content[name] for name in chosen}
        yield Candidate(place + prefix, tensors, len(full_names) - len(chosen))


def _tails(name: str) -> Iterator[str]:
    """List a name and its endings: `a.b.c`, `b.c`, `c`."""
    while name:
        yield name
        name = name.partition(".")[2]


def _differences(
    state: Mapping[str, Tensor], names: Collection[str], parts: Sequence[Part]
) -> tuple[list[str], list[str]]:
    """List the names that are missing, and those that are unexpected."""
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
    """Raise ValueError for a tensor that has another shape or is not made of finite floats."""
    widths = {row: state[part.rows[0]].shape[:1] for part in parts for row in part.rows if part.rows[0] in state}
    for key, tensor in state.items():
        shape = (*widths[key], *shapes[key][1:]) if key in widths else tuple(shapes[key])
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{source}: not {name}: {key} is {tuple(tensor.shape)}, expected {shape}")
        check_dense(key, tensor, source)
        if not tensor.isfinite().all():
            raise ValueError(f"{source}: {key} holds NaN or infinite values")


def check_dense(name: str, tensor: Any, source: str) -> None:
    """Raise ValueError unless this is a dense tensor of floats, or a batch norm's counter."""
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
