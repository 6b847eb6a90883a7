"""What a training goes on from after a kill: one file, complete or absent, and the final weights."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from passt.fetch.files import write_whole

STATE_FILE, WEIGHTS_FILE = "state.pt", "weights.safetensors"


@dataclass
class State:
    """A training after `step` steps; its random streams are those of the next step's number.

    Attributes:
        net, optimizer: their state dicts. average: mean of `averaged` states of the network.
        seconds: that it took so far. mAP: of the last evaluation, after step `evaluated` (-1: none was).
        loss: the last one logged, after step `row_step` and `row_seconds`. losses: of each step since, of one process.
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
        values = {name.name: getattr(self, name.name) for name in dataclasses.fields(self)}
        write_whole(folder / STATE_FILE, lambda path: torch.save(values, path))

    @classmethod
    def load(cls, folder: Path) -> "State | None":
        """The state in that folder; None where there is none.

        Raises:
            ValueError: names a file that holds no such state.
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


def write_weights(path: Path, state: Mapping[str, Tensor], notes: Mapping[str, Any], dtype=torch.float32) -> None:
    """A safetensors file of the tensors, floating-point ones as `dtype`; `notes` are its metadata `training`, in JSON.

    One entry, for safetensors writes several in any order, and the same weights are to be the same file.
    """
    tensors = {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in state.items()
    }
    write_whole(path, lambda part: safetensors.torch.save_file(tensors, part, {"training": json.dumps(notes)}))
