"""Weights of an earlier training to start with, whose labels may be others."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors
from torch import Tensor

from passt.published import tensors


def from_file(path: Path, initial: Mapping[str, Tensor], labels: Sequence[str]) -> dict[str, Tensor]:
    """The tensors of a weight file in place of initial ones; outputs of labels that the file lacks stay initial.

    Args:
        path: .safetensors or .pt of the same network. A training's own file names its labels; of another file with
            another number of outputs none is taken.
        initial: the network's state dict, with a row for each label where tensors are of outputs.

    Raises:
        FileNotFoundError, ValueError: name the file, the tensor, and the shape expected.
    """
    there = tensors(path)
    known = _labels(path)
    places = {label: row for row, label in enumerate(known)}
    pairs = [(row, places[label]) for row, label in enumerate(labels) if label in places]
    state = {}
    for name, value in initial.items():
        found = there.get(name)
        if found is None:
            raise ValueError(f"{path}: has no tensor {name}, whose shape is {tuple(value.shape)}")
        outputs = value.shape[:1] == (len(labels),) and found.shape[1:] == value.shape[1:]
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


def _labels(path: Path) -> tuple[str, ...]:
    """Those that the file's training had; none where it does not say."""
    if path.suffix != ".safetensors":
        return ()
    with safetensors.safe_open(path, "pt") as file:
        notes = json.loads((file.metadata() or {}).get("training", "{}"))
    return tuple(notes.get("labels", ()))
