"""Where a checkpoint's tensors come from: the published file, any other file, or a seed.

Nothing falls back silently: published weights that are absent are an error that says which file to put where, and
untrained weights have to be asked for by name, which then stands in the spec and in every row.
"""

import hashlib
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from passt.checkpoints import Checkpoint
from passt.model import Passt

FOLDER_VARIABLE = "PASST_WEIGHTS"
INITIAL_STD = 0.02  # of truncated normal weights, as timm's vision transformers start


def folder() -> Path:
    """Where published weight files are kept: $PASST_WEIGHTS, else a folder in the user's cache."""
    if FOLDER_VARIABLE in os.environ:
        return Path(os.environ[FOLDER_VARIABLE])
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "embedding-ablations" / "weights"


def load(checkpoint: Checkpoint, weights: str) -> dict[str, Tensor]:
    """The state dict that the weights part of a spec stands for.

    Args:
        weights: `published`, or `untrained-SEED`.

    Raises:
        FileNotFoundError: the published file is not there; says from where to get it and where to put it.
        ValueError: for weights that only a file can give, or a file that does not fit the checkpoint.
    """
    if weights.startswith("untrained-"):
        return untrained(checkpoint, int(weights.removeprefix("untrained-")))
    if weights == "published":
        return read(published_file(checkpoint), checkpoint)
    raise ValueError(
        f"{checkpoint.name}: weights {weights!r} have no file; expected published, untrained-SEED or a file"
    )


def published_file(checkpoint: Checkpoint) -> Path:
    """The local file of published weights; absent: FileNotFoundError with the address and the place."""
    path = folder() / checkpoint.url.rsplit("/", 1)[-1]
    if not path.is_file():
        raise FileNotFoundError(
            f"{checkpoint.name}: no published weights at {path}; put the file of {checkpoint.url} there "
            f"(${FOLDER_VARIABLE} names another folder), or ask for weights untrained-SEED"
        )
    return path


def read(path: str | Path, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The tensors of a .pt or .safetensors file, checked name by name and shape by shape.

    Raises:
        FileNotFoundError, ValueError: name the file and what does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weight file at {path}")
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path}: not a state dict of tensors: {reason}") from error
    check(state, checkpoint, str(path))
    return {name: tensor.float() for name, tensor in state.items()}


def check(state: Mapping[str, Tensor], checkpoint: Checkpoint, source: str) -> None:
    """Raise ValueError unless names and shapes are exactly the checkpoint's."""
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{source}: expected a state dict of tensors for {checkpoint.name}")
    wanted = shapes(checkpoint)
    missing, unexpected = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if missing or unexpected:
        raise ValueError(
            f"{source}: not {checkpoint.name}: {len(missing)} tensors missing {missing[:2]}, "
            f"{len(unexpected)} unexpected {unexpected[:2]}"
        )
    for name, shape in wanted.items():
        if tuple(state[name].shape) != shape:
            raise ValueError(f"{source}: not {checkpoint.name}: {name} is {tuple(state[name].shape)}, expected {shape}")


def shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of the checkpoint's state dict."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Passt(checkpoint).state_dict().items()}


def untrained(checkpoint: Checkpoint, seed: int) -> dict[str, Tensor]:
    """Weights as before training: normal with standard deviation 0.02, cut at two of them; biases 0, norms 1.

    Every tensor has a random stream of its own, from the seed and its name.
    """
    state = {}
    for name, shape in shapes(checkpoint).items():
        if len(shape) == 1:
            is_norm = name.endswith("weight")
            state[name] = torch.ones(shape) if is_norm else torch.zeros(shape)
        else:
            stream = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(name.encode())]))
            state[name] = torch.from_numpy(_truncated_normal(stream, shape)) * INITIAL_STD
    return state


def file_tag(path: str | Path) -> str:
    """The weights part of a spec for a file: `sha256-` and the first 12 hex digits of its hash."""
    with Path(path).open("rb") as file:
        return f"sha256-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


def _truncated_normal(stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = stream.standard_normal(shape, dtype=np.float32)
    while (outside := np.abs(values) > 2).any():
        values[outside] = stream.standard_normal(int(outside.sum()), dtype=np.float32)
    return values
