"""The table of CNNs, and the source of a CNN's tensors: the published file, another file, or a seed.

The rows of checkpoints.csv are facts of the packages panns_inference 0.1.1 (Kong et al. 2020) and EfficientAT
(Schmid et al. 2023, github.com/fschmid56/EfficientAT). The row without an address is a demonstration checkpoint.
"""

import csv
import functools
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import torch
from torch import Tensor

from passt.catalog import demo
from passt.fetch.download import recorded
from passt.weights.published import content, published_file, refuse_others
from passt.weights.state_dicts import Part, network_of
from passt.weights.training_notes import notes_of

DEMO_FOLDER = Path(__file__).with_name("demo_weights")
SAMPLE_RATE = 32000  # Hz, of all of them
TRAINED_HOP = 320  # samples, of the MobileNets that `ablate train` trains


@dataclass(frozen=True)
class CnnCheckpoint:
    """One set of weights.

    Attributes:
        name: of the checkpoint.
        alias: another name; may be empty.
        family: panns or efficientat.
        url: of the published file; empty for a demonstration checkpoint.
        hop: STFT hop in samples at 32 kHz, the time resolution.
        width: channels of the network, as a multiple of its family's standard.
        n_classes: outputs of the classifier.
        audioset_mAP: as published; None if it is not.
        trained_on: the data.
        md5, sha256: of the published file; empty if not known.
    """

    name: str
    alias: str
    family: str
    url: str
    hop: int
    width: float
    n_classes: int
    audioset_mAP: float | None
    trained_on: str
    md5: str
    sha256: str

    @property
    def file(self) -> str:
        """The name of the published file, or of the file in this package."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1]) or f"{self.name}.safetensors"

    @property
    def shipped(self) -> Path | None:
        """The file of a demonstration checkpoint, which is part of this package; None for the others."""
        return None if self.url else DEMO_FOLDER / self.file


@functools.cache
def table() -> Mapping[str, CnnCheckpoint]:
    """Every CNN by name, in the order of the file."""
    with Path(__file__).with_name("checkpoints.csv").open(newline="") as file:
        rows = [_from_row(row) for row in csv.DictReader(file)]
    return {row.name: row for row in rows}


def get(name: str) -> CnnCheckpoint:
    """The CNN of that name."""
    return table()[name]


def of_family(family: str) -> tuple[CnnCheckpoint, ...]:
    """The rows of one family."""
    return tuple(row for row in table().values() if row.family == family)


def state_of(
    row: CnnCheckpoint,
    weights: str,
    file: str | Path | None,
    shapes: Mapping[str, tuple[int, ...]],
    parts: Sequence[Part] = (),
) -> dict[str, Tensor]:
    """Load the tensors of a checkpoint, checked name by name and shape by shape.

    Args:
        row: the checkpoint.
        weights: `published`, `demo` or `untrained-SEED`.
        file: a weight file in place of `weights`.
        shapes: of the tensors of the published file.
        parts: tensors that a file may lack.

    Returns:
        Tensors by name, in float32.

    Raises:
        FileNotFoundError: an absent file that can't be fetched; says from where to get it and where to put it.
        ValueError: a file that does not fit or is another checkpoint's, or weights that only a file can give.
    """
    if file is None and weights.startswith("untrained-"):
        return untrained(shapes, int(weights.removeprefix("untrained-")))
    kind = "demo" if row.shipped else "published"
    if file is None and weights != kind:
        raise ValueError(f"{row.name}: weights {weights!r} have no file; expected {kind}, untrained-SEED or a file")
    path = Path(file) if file else demo.installed(row.shipped) if row.shipped else published_file(row)
    saved = content(path)
    refuse_others(path, row, table().values(), _described, recorded(path) if file is None else None)
    _refuse_other_trainings(path, row)
    state = network_of(saved, shapes, row.name, str(path), parts)
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def untrained(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Draw weights as before training: normal with variance 2 / fan-in (He et al. 2015); biases 0, norms the identity.

    Every tensor has its own random stream, from the seed and the tensor's name.

    Args:
        shapes: of the tensors, by name.
        seed: of all streams.
    """
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros(shape, dtype=torch.long)
        elif len(shape) < 2:
            ones = name.endswith(("running_var", "weight"))
            state[name] = torch.full(shape, float(ones), dtype=torch.float32)
        else:
            stream = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(name.encode())]))
            values = torch.from_numpy(stream.standard_normal(shape, dtype=np.float32))
            state[name] = values * math.sqrt(2 / math.prod(shape[1:]))
    return state


def _refuse_other_trainings(path: Path, row: CnnCheckpoint) -> None:
    """Raise ValueError for a file of another network's training: networks of different hops have the same shapes."""
    trained = notes_of(path).recipe.get("network")
    if trained and (row.hop != TRAINED_HOP or trained != f"mn{round(10 * row.width):02}"):
        raise ValueError(f"{path}: was trained as {trained} with hop {TRAINED_HOP}, not {_described(row)}")


def _from_row(row: Mapping[str, str]) -> CnnCheckpoint:
    return CnnCheckpoint(
        name=row["name"],
        alias=row["alias"],
        family=row["family"],
        url=row["url"],
        hop=int(row["hop"]),
        width=float(row["width"]),
        n_classes=int(row["n_classes"]),
        audioset_mAP=float(row["audioset_mAP"]) if row["audioset_mAP"] else None,
        trained_on=row["trained_on"],
        md5=row["md5"],
        sha256=row["sha256"],
    )


def _described(row: CnnCheckpoint) -> str:
    return f"{row.name}'s file {row.file} (hop {row.hop}, width {row.width:g})"
