"""The state that a killed training resumes from, and the final weights.

Each is one file, complete or absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from passt.fetch.files import write_whole
from passt.weights.training_notes import TrainingNotes

STATE_FILE, WEIGHTS_FILE = "state.pt", "weights.safetensors"


@dataclass
class State:
    """A training after `step` steps.

    Randomness needs no state: it follows from the number of the next step.

    Attributes:
        step: steps of the optimizer so far.
        net: state dict of the network.
        optimizer: state dict of the optimizer.
        average: mean of the network's state dict after some steps; empty before the first of them.
        averaged: number of state dicts in that mean.
        seconds: duration of the training so far.
        evaluated: step of the last evaluation; -1 before the first.
        mAP: mean average precision of that evaluation.
        loss: last loss in the log.
        row_step: step of the last row of the log.
        row_seconds: duration of the training up to that row.
        losses: loss of every step since that row, from the first process.
    """

    step: int = 0
    net: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    averaged: int = 0
    seconds: float = 0.0
    evaluated: int = -1
    mAP: float = float("nan")
    loss: float = float("nan")
    row_step: int = 0
    row_seconds: float = 0.0
    losses: list[Tensor] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write the state into the folder of the training."""
        write_whole(folder / STATE_FILE, lambda path: torch.save(vars(self), path))

    @classmethod
    def load(cls, folder: Path) -> "State | None":
        """Read the state from a folder; None if it has none.

        Raises:
            ValueError: the file is not a training's state.
        """
        path = folder / STATE_FILE
        if not path.is_file():
            return None
        try:
            return cls(**torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:
            raise ValueError(
                f"{path}: not a training's state ({type(error).__name__}); delete it to begin anew"
            ) from error


def write_weights(
    path: Path, state: Mapping[str, Tensor], notes: TrainingNotes, dtype: torch.dtype = torch.float32
) -> None:
    """Write a safetensors file of tensors, with notes about their training as metadata.

    Args:
        path: the file.
        state: tensors by name.
        notes: recipe, labels and score of the training.
        dtype: type in which floating-point tensors are stored.
    """
    tensors = {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in state.items()
    }
    write_whole(path, lambda part: safetensors.torch.save_file(tensors, part, notes.to_metadata()))
