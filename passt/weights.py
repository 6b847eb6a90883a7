"""Where a checkpoint's tensors come from: the published file, any other file, or a seed.

Nothing falls back silently: published weights that are absent are fetched, and where that is not possible the error
says which file to put where. Untrained weights have to be asked for by name, which then stands in the spec and in every
row.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import safetensors.torch
import torch
from torch import Tensor

from passt import checkpoints, deit
from passt.checkpoints import Checkpoint
from passt.download import fetch, recorded, sha256_of, verify
from passt.initial import shapes, untrained
from passt.transfer import Track, silent

__all__ = ["check", "file_tag", "folder", "imagenet_start", "load", "place", "published_file", "read", "shapes"]
__all__ += ["tensors", "untrained"]

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "PASST_WEIGHTS"
TORCH_STARTS = (b"PK\x03\x04", b"\x80")  # a zip archive; a pickle, as torch saved before 1.6
IMAGENET_START = "deit_base_distilled_patch16_384"


def folder() -> Path:
    """Where published weight files are kept: $PASST_WEIGHTS, else a folder in the user's cache."""
    if FOLDER_VARIABLE in os.environ:
        return Path(os.environ[FOLDER_VARIABLE])
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "embedding-ablations" / "weights"


class Published(Protocol):
    """A published file of weights, PaSST's or a baseline's: model, address, name, and the hash where it is known."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def place(checkpoint: Published) -> Path:
    """Where the published file of a checkpoint is kept, whether it is there or not."""
    return folder() / checkpoint.file


def load(checkpoint: Checkpoint, weights: str) -> dict[str, Tensor]:
    """The state dict that the weights part of a spec stands for.

    Args:
        weights: `published`, or `untrained-SEED`.

    Raises:
        FileNotFoundError: the published file cannot be had; says from where to get it and where to put it.
        ValueError: for weights that only a file can give, or a file that does not fit the checkpoint.
    """
    if weights.startswith("untrained-"):
        return untrained(checkpoint, int(weights.removeprefix("untrained-")))
    if weights == "published":
        path = published_file(checkpoint)
        return read(path, checkpoint, sha256=recorded(path))
    raise ValueError(
        f"{checkpoint.name}: weights {weights!r} have no file; expected published, untrained-SEED or a file"
    )


def published_file(checkpoint: Published, *, track: Track = silent) -> Path:
    """The local file of published weights: fetched where it is absent, verified where it is there.

    Raises:
        FileNotFoundError: it is absent and cannot be fetched; one line with the address, the reason and the place.
        ValueError: it is not the file that was recorded or published.
    """
    path = place(checkpoint)
    try:
        return fetch(checkpoint.url, path, sha256=checkpoint.sha256 or None, accept=_looks_like_weights, track=track)
    except OSError as error:
        raise FileNotFoundError(f"{checkpoint.name}: no published weights at {path.parent}: {error}") from error


def _looks_like_weights(path: Path) -> str | None:
    """Why a file is none that torch saves; a login page in place of a file, for one."""
    with path.open("rb") as file:
        start = file.read(16)
    return None if start.startswith(TORCH_STARTS) else f"it begins with {start!r}, as no file of weights does"


def imagenet_start(checkpoint: Checkpoint, *, seed: int = 0, track: Track = silent) -> dict[str, Tensor]:
    """What training a PaSST of that architecture starts with: DeiT's published weights, with heads from `seed`."""
    published = checkpoints.get(IMAGENET_START)
    return deit.start(checkpoint, tensors(published_file(published, track=track)), seed=seed)


def read(path: str | Path, checkpoint: Checkpoint, *, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a .pt or .safetensors file, checked name by name and shape by shape.

    Args:
        sha256: the file's hash, where the caller has it.

    Raises:
        FileNotFoundError, ValueError: name the file and what does not fit.
    """
    path = Path(path)
    state = tensors(path)
    _refuse_others(path, checkpoint, sha256)
    if checkpoint.layout == "deit" and deit.recognizes(state):
        try:
            state = deit.start(checkpoint, state)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    check(state, checkpoint, str(path))
    return {name: tensor.float() for name, tensor in state.items()}


def tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .pt or .safetensors file, whatever they are of; DeiT's lie one level down, under `model`.

    Raises:
        FileNotFoundError, ValueError: there is no file, or it holds anything but tensors by name.
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
        raise ValueError(
            f"{path}: not a state dict of tensors that can be loaded safely ({type(error).__name__}); "
            f"if it was fetched, delete it and {path.name}.sha256 to fetch it again"
        ) from error
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path}: not a state dict of tensors: it holds {type(state).__name__} of other things")
    return dict(state)


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


def file_tag(path: str | Path) -> str:
    """The weights part of a spec for a file: `sha256-` and the first 12 hex digits of its hash."""
    return f"sha256-{sha256_of(path)[:12]}"


def _refuse_others(path: Path, checkpoint: Checkpoint, sha256: str | None) -> None:
    """Raise ValueError for the published file of another checkpoint, told by its name or its contents.

    Shapes do not tell all of them apart: the 10 s checkpoint of hop 160 and the 20 s one of hop 320 have the same.
    """
    others = [row for row in checkpoints.table().values() if row.name != checkpoint.name]
    for other in others:
        if path.stem == Path(other.file).stem:
            raise ValueError(f"{path}: is by its name {_described(other)}, not {_described(checkpoint)}")
    found = sha256 or sha256_of(path)
    for other in others:
        if (known := _known_sha256(other)) and found.startswith(known):
            raise ValueError(f"{path}: has the sha256 of {_described(other)}, not {_described(checkpoint)}")


def _known_sha256(checkpoint: Checkpoint) -> str | None:
    """The hash of a published file: as recorded, or of the file that is there, or the first digits as published."""
    path = place(checkpoint)
    try:
        return recorded(path) or (verify(path) if path.is_file() else None) or checkpoint.sha256 or None
    except ValueError as error:  # another model's damage is no fault of this one
        logger.warning("%s", error)
        return None


def _described(checkpoint: Checkpoint) -> str:
    return (
        f"{checkpoint.name}'s file {checkpoint.file} (hop {checkpoint.hop}, "
        f"stride {checkpoint.fstride}x{checkpoint.tstride}, {checkpoint.max_window_s} s)"
    )
