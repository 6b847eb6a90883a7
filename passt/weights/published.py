"""Published weight files of any model: kept, fetched, read and told apart."""

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
TORCH_STARTS = (b"PK\x03\x04", b"\x80")  # first bytes of a zip archive, and of a pickle, as torch saved before 1.6


class Published(Protocol):
    """A published weight file of PaSST or of a baseline.

    Attributes:
        name: name of the model.
        url: address of the file.
        file: name of the file.
        sha256: SHA-256 of the file or its first digits; "" if none was published.
        md5: MD5 of the file; "" if none was published.
    """

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def md5(self) -> str: ...


def folder() -> Path:
    """Choose the folder of published weight files: $PASST_WEIGHTS, else a folder in the user's cache."""
    if weights_folder := os.environ.get(FOLDER_VARIABLE):  # an empty variable counts as unset
        return expanded(weights_folder)
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "embedding-ablations" / "weights"


def place(row: Published) -> Path:
    """Give the path at which a published file is kept, present or absent."""
    return folder() / row.file


def published_file(row: Published, *, track: Track = silent) -> Path:
    """Fetch a published weight file if it is absent, else verify it, and return its path.

    Raises:
        FileNotFoundError: the file is absent and can't be fetched. The message has the address, the reason and the
            place.
        ValueError: the file is not the recorded or published one.
    """
    path = place(row)

    def fault(received: Path) -> str | None:
        return _no_weights(received) or other_md5(received, row.md5)

    try:
        return fetch(row.url, path, sha256=row.sha256 or None, accept=fault, track=track, instead=UNTRAINED)
    except OSError as error:
        raise FileNotFoundError(f"{row.name}: no published weights at {path.parent}: {error}") from error


def _no_weights(path: Path) -> str | None:
    """Say why torch can't have saved a file; None if it can.

    Such a file is, for example, a login page in place of the weights.
    """
    with path.open("rb") as file:
        start = file.read(16)
    return None if start.startswith(TORCH_STARTS) else f"it begins with {start!r}, as no file of weights does"


def content(path: str | Path) -> Any:
    """Read a .pt or .safetensors file, without running any code in it.

    Raises:
        FileNotFoundError: the file is absent.
        ValueError: the file can't be read, or contains more than tensors and plain values.
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
    """Read the tensors of a file, of any network. DeiT's are one level down, under `model`.

    Raises:
        FileNotFoundError: the file is absent.
        ValueError: the file contains anything but tensors by name.
    """
    state = content(path)
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path}: not a state dict of tensors: it holds {type(state).__name__} of other things")
    return dict(state)


def file_tag(path: str | Path) -> str:
    """Name a file as a spec's weights do: `sha256-` and 12 hex digits of its hash."""
    return f"sha256-{sha256_of(path)[:12]}"


def refuse_others(
    path: Path, expected: Row, rows: Iterable[Row], described: Callable[[Row], str], sha256: str | None = None
) -> None:
    """Refuse the published file of another model, recognized by its name or its content.

    Shapes do not tell all models apart: models of different hops can have the same shapes.

    Args:
        path: the file.
        expected: the model that the file should belong to.
        rows: all models of the family.
        described: describes a model for the message.
        sha256: hash of the file, if the caller knows it.

    Raises:
        ValueError: the file belongs to another model.
    """
    others = [row for row in rows if row.name != expected.name]
    for other in others:
        if path.stem == Path(other.file).stem:
            raise ValueError(f"{path}: is by its name {described(other)}, not {described(expected)}")
    actual = sha256 or sha256_of(path)
    for other in others:
        if (known := _known_sha256(other)) and actual.startswith(known):
            raise ValueError(f"{path}: has the sha256 of {described(other)}, not {described(expected)}")


def _known_sha256(row: Published) -> str | None:
    """Look up the hash of a published file.

    It is the recorded hash, else that of the local file, else the published digits.
    """
    path = place(row)
    try:
        return recorded(path) or (verify(path) if path.is_file() else None) or row.sha256 or None
    except ValueError as error:  # a damaged file of another model must not stop this one
        logger.warning("%s", error)
        return None
