"""Where a checkpoint's tensors come from: the published file, the package's, any other file, or a seed.

Nothing falls back silently: published weights that are absent are fetched, and where that is not possible the error
says which file to put where. Untrained weights have to be asked for by name, which then stands in the spec and in every
row.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from passt import checkpoints, deit, demo
from passt.architecture import Architecture
from passt.checkpoints import Checkpoint
from passt.download import recorded
from passt.initial import shapes, untrained
from passt.published import check as check_shapes
from passt.published import file_tag, folder, place, published_file, refuse_others, tensors
from passt.transfer import Track, silent

__all__ = ["check", "file_tag", "folder", "imagenet_start", "load", "place", "published_file", "read", "shapes"]
__all__ += ["tensors", "untrained"]

IMAGENET_START = "deit_base_distilled_patch16_384"


def load(checkpoint: Checkpoint, weights: str) -> dict[str, Tensor]:
    """The state dict that the weights part of a spec stands for.

    Args:
        weights: `published`, `demo`, or `untrained-SEED`.

    Raises:
        FileNotFoundError: the file cannot be had; says from where to get it and where to put it.
        ValueError: for weights that only a file can give, or a file that does not fit the checkpoint.
    """
    if weights.startswith("untrained-"):
        return untrained(checkpoint, int(weights.removeprefix("untrained-")))
    if weights == "demo" and checkpoint.shipped:
        return read(demo.there(checkpoint.shipped), checkpoint)
    if weights == "published" and not checkpoint.shipped:
        path = published_file(checkpoint)
        return read(path, checkpoint, sha256=recorded(path))
    kind = "demo" if checkpoint.shipped else "published"
    raise ValueError(f"{checkpoint.name}: weights {weights!r} have no file; expected {kind}, untrained-SEED or a file")


def imagenet_start(architecture: Architecture, *, seed: int = 0, track: Track = silent) -> dict[str, Tensor]:
    """What training a PaSST of that architecture starts with: DeiT's published weights, with heads from `seed`."""
    published = checkpoints.get(IMAGENET_START)
    return deit.start(architecture, tensors(published_file(published, track=track)), seed=seed)


def read(path: str | Path, checkpoint: Checkpoint, *, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a .pt or .safetensors file, checked name by name and shape by shape.

    Args:
        sha256: the file's hash, where the caller has it.

    Raises:
        FileNotFoundError, ValueError: name the file and what does not fit.
    """
    path = Path(path)
    state = tensors(path)
    refuse_others(path, checkpoint, checkpoints.table().values(), _described, sha256)
    if checkpoint.layout == "deit" and deit.recognizes(state):
        try:
            state = deit.start(checkpoint, state)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    check(state, checkpoint, str(path))
    return {name: tensor.float() for name, tensor in state.items()}


def check(state: Mapping[str, Tensor], checkpoint: Checkpoint, source: str) -> None:
    """Raise ValueError unless names and shapes are exactly the checkpoint's."""
    check_shapes(state, shapes(checkpoint), checkpoint.name, source)


def _described(checkpoint: Checkpoint) -> str:
    return (
        f"{checkpoint.name}'s file {checkpoint.file} (hop {checkpoint.hop}, "
        f"stride {checkpoint.fstride}x{checkpoint.tstride}, {checkpoint.max_window_s} s)"
    )
