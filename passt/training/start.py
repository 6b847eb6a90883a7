"""Weights of an earlier training to start with, whose labels may be others."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from passt.weights.published import content
from passt.weights.state_dicts import Part, closest
from passt.weights.training_notes import labels_of


def from_file(
    path: Path, initial: Mapping[str, Tensor], labels: Sequence[str], heads: Collection[str]
) -> dict[str, Tensor]:
    """The tensors of a weight file in place of initial ones; outputs of labels that the file lacks stay initial.

    Args:
        path: .safetensors or .pt of the same network. A training's own file names its labels; of another file with
            another number of outputs none is taken.
        initial: the network's state dict.
        heads: names of the layers with a row for each label; the rows of all others stay in their order.

    Raises:
        FileNotFoundError, ValueError: name the file, the tensor, and the shape expected.
    """
    known = labels_of(path)
    if known and not heads and known != tuple(labels):
        raise ValueError(f"{path}: has other labels, and the network names no head whose outputs they could be")
    parts = [Part(tuple(name for name in initial if name.rpartition(".")[0] == head)) for head in heads]
    there = closest(content(path), initial, str(path), parts).tensors
    places = {label: row for row, label in enumerate(known)}
    pairs = [(row, places[label]) for row, label in enumerate(labels) if label in places]
    state = {}
    for name, value in initial.items():
        found = there.get(name)
        if found is None and name.rpartition(".")[0] in heads:
            state[name] = value.clone()
            continue
        if found is None:
            raise ValueError(f"{path}: has no tensor {name}, whose shape is {tuple(value.shape)}")
        outputs = name.rpartition(".")[0] in heads and found.shape[1:] == value.shape[1:]
        if outputs and known and len(found) == len(known):
            rows, of = zip(*pairs, strict=True) if pairs else ((), ())
            state[name] = value.clone()
            state[name][list(rows)] = found[list(of)].to(value.dtype)
        elif found.shape == value.shape:
            state[name] = found.to(value.dtype)
        elif outputs and not known:
            state[name] = value.clone()
        else:
            raise ValueError(f"{path}: {name} must be {tuple(value.shape)}, got {tuple(found.shape)}")
    return state
