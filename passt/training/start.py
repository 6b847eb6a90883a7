"""Start a training from the weights of an earlier one, which may have had other labels."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from passt.weights.published import content
from passt.weights.state_dicts import Part, closest
from passt.weights.training_notes import labels_of


def from_file(
    path: Path, initial: Mapping[str, Tensor], labels: Sequence[str], heads: Collection[str]
) -> dict[str, Tensor]:
    """Replace initial tensors by those of a weight file.

    Outputs for labels that the file lacks keep initial values.

    Args:
        path: .safetensors or .pt file of the same network. The file of a training names its labels. If a file names
            none and has another number of outputs, all outputs keep initial values.
        initial: the network's state dict.
        labels: labels of the new training, in order.
        heads: names of the layers that have one row per label. All other layers keep the order of their rows.

    Returns:
        The state dict to start with.

    Raises:
        FileNotFoundError: the file is absent.
        ValueError: the file does not fit. The message names the file, the tensor and the expected shape.
    """
    old_labels = labels_of(path)
    if old_labels and not heads and old_labels != tuple(labels):
        raise ValueError(f"{path}: has other labels, and the network names no head whose outputs they could be")
    parts = [Part(tuple(name for name in initial if name.rpartition(".")[0] == head)) for head in heads]
    saved = closest(content(path), initial, str(path), parts).tensors
    places = {label: row for row, label in enumerate(old_labels)}
    shared = [(row, places[label]) for row, label in enumerate(labels) if label in places]
    state = {}
    for name, value in initial.items():
        old = saved.get(name)
        if old is None and name.rpartition(".")[0] in heads:
            state[name] = value.clone()
            continue
        if old is None:
            raise ValueError(f"{path}: has no tensor {name}, whose shape is {tuple(value.shape)}")
        is_output = name.rpartition(".")[0] in heads and old.shape[1:] == value.shape[1:]
        if is_output and old_labels and len(old) == len(old_labels):
            new_rows, old_rows = [new for new, _ in shared], [old for _, old in shared]
            state[name] = value.clone()
            state[name][new_rows] = old[old_rows].to(value.dtype)
        elif old.shape == value.shape:
            state[name] = old.to(value.dtype)
        elif is_output and not old_labels:
            state[name] = value.clone()
        else:
            raise ValueError(f"{path}: {name} must be {tuple(value.shape)}, got {tuple(old.shape)}")
    return state
