"""Published files of weights, of any model: where they are kept, fetched and read, and how they are told apart."""

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import safetensors.torch
import torch
from torch import Tensor

from passt.fetch.download import fetch, other_md5, recorded, sha256_of, verify
from passt.fetch.files import expanded
from passt.fetch.transfer import Track, silent

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "PASST_WEIGHTS"
UNTRAINED = "or ask for weights untrained-SEED, which need no file"
Row = TypeVar("Row", bound="Published")
TORCH_STARTS = (b"PK\x03\x04", b"\x80")  # a zip archive; a pickle, as torch saved before 1.6


class Published(Protocol):
    """A published file of weights, PaSST's or a baseline's: model, address, name, and the hash where it is known.

    One that was published with an MD5 has it as `md5`.
    """

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def folder() -> Path:
    """Where published weight files are kept: $PASST_WEIGHTS, else a folder in the user's cache."""
    if set_to := os.environ.get(FOLDER_VARIABLE):  # an empty variable is none
        return expanded(set_to)
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "embedding-ablations" / "weights"


def place(row: Published) -> Path:
    """Where the published file is kept, whether it is there or not."""
    return folder() / row.file


def published_file(row: Published, *, track: Track = silent) -> Path:
    """The local file of published weights: fetched where it is absent, verified where it is there.

    Raises:
        FileNotFoundError: it is absent and cannot be fetched; one line with the address, the reason and the place.
        ValueError: it is not the file that was recorded or published.
    """
    path = place(row)

    def wrong(came: Path) -> str | None:
        return _looks_like_weights(came) or other_md5(came, getattr(row, "md5", ""))

    try:
        return fetch(row.url, path, sha256=row.sha256 or None, accept=wrong, track=track, instead=UNTRAINED)
    except OSError as error:
        raise FileNotFoundError(f"{row.name}: no published weights at {path.parent}: {error}") from error


def _looks_like_weights(path: Path) -> str | None:
    """Why a file is none that torch saves; a login page in place of a file, for one."""
    with path.open("rb") as file:
        start = file.read(16)
    return None if start.startswith(TORCH_STARTS) else f"it begins with {start!r}, as no file of weights does"


def content(path: str | Path) -> Any:
    """What a .pt or .safetensors file holds; nothing in it is run.

    Raises:
        FileNotFoundError, ValueError: there is no file, or one that holds more than tensors and plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weight file at {path}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: not a state dict of tensors that can be loaded safely ({type(error).__name__}): it holds more "
            "than tensors and plain values; save the network's state_dict() alone"
        ) from error
    except Exception as error:
        raise ValueError(
            f"{path}: not a state dict of tensors that can be loaded safely ({type(error).__name__}); "
            f"if it was fetched, delete it and {path.name}.sha256 to fetch it again"
        ) from error


def tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file, whatever they are of; DeiT's lie one level down, under `model`.

    Raises:
        FileNotFoundError, ValueError: there is no file, or it holds anything but tensors by name.
    """
    state = content(path)
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path}: not a state dict of tensors: it holds {type(state).__name__} of other things")
    return dict(state)


def file_tag(path: str | Path) -> str:
    """The weights part of a spec for a file: `sha256-` and the first 12 hex digits of its hash."""
    return f"sha256-{sha256_of(path)[:12]}"


def refuse_others(
    path: Path, wanted: Row, rows: Iterable[Row], described: Callable[[Row], str], sha256: str | None = None
) -> None:
    """Raise ValueError for the published file of another row than `wanted`, told by its name or its contents.

    Shapes do not tell all of them apart: models of different hops can have the same.

    Args:
        sha256: the file's hash, where the caller has it.
    """
    others = [row for row in rows if row.name != wanted.name]
    for other in others:
        if path.stem == Path(other.file).stem:
            raise ValueError(f"{path}: is by its name {described(other)}, not {described(wanted)}")
    found = sha256 or sha256_of(path)
    for other in others:
        if (known := _known_sha256(other)) and found.startswith(known):
            raise ValueError(f"{path}: has the sha256 of {described(other)}, not {described(wanted)}")


def _known_sha256(row: Published) -> str | None:
    """The hash of a published file: as recorded, or of the file that is there, or the first digits as published."""
    path = place(row)
    try:
        return recorded(path) or (verify(path) if path.is_file() else None) or row.sha256 or None
    except ValueError as error:  # another model's damage is no fault of this one
        logger.warning("%s", error)
        return None
