"""Where a checkpoint's tensors come from: the published file, the package's, any other file, or a seed.

Nothing falls back silently: published weights that are absent are fetched, and where that is not possible the error
says which file to put where. Untrained weights have to be asked for by name, which then stands in the spec and in every
row.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from passt.catalog import checkpoints, demo
from passt.catalog.architecture import Architecture
from passt.catalog.checkpoints import Checkpoint
from passt.fetch.download import recorded
from passt.fetch.transfer import Track, silent
from passt.weights import deit
from passt.weights.initial import shapes, untrained
from passt.weights.published import content, file_tag, folder, place, published_file, refuse_others, tensors
from passt.weights.state_dicts import Part, network_of
from passt.weights.training_notes import notes_of

__all__ = ["file_tag", "folder", "imagenet_start", "load", "place", "published_file", "read", "shapes", "state_of"]
__all__ += ["tensors", "untrained", "with_heads"]

HEADS = (
    Part(("head.0.weight", "head.0.bias", "head.1.weight", "head.1.bias"), ("head.1.weight", "head.1.bias")),
    Part(("head_dist.weight", "head_dist.bias"), ("head_dist.weight", "head_dist.bias")),  # not read in inference
)
"""Of other labels in a training of one's own, or of none."""
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
    """The tensors of a .pt or .safetensors file, checked name by name and shape by shape, see `state_of`.

    Args:
        sha256: the file's hash, where the caller has it.

    Raises:
        FileNotFoundError, ValueError: name the file and what does not fit.
    """
    path = Path(path)
    found = content(path)
    refuse_others(path, checkpoint, checkpoints.table().values(), _described, sha256)
    _refuse_other_trainings(path, checkpoint)
    if checkpoint.layout == "deit" and deit.recognizes(inner := _inner(found)):
        try:
            found = deit.start(checkpoint, inner)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return state_of(found, checkpoint, str(path))


def state_of(found: Any, checkpoint: Checkpoint, source: str) -> dict[str, Tensor]:
    """The checkpoint's tensors, float32, in what a file holds; its heads may be of any width, or absent.

    Raises:
        ValueError: names the source and what does not fit.
    """
    state = network_of(found, shapes(checkpoint), checkpoint.name, source, HEADS)
    return {name: tensor.float() for name, tensor in state.items()}


def with_heads(state: Mapping[str, Tensor], checkpoint: Checkpoint) -> tuple[dict[str, Tensor], Checkpoint]:
    """A state with heads of no outputs where it has none, and the checkpoint with as many classes as it has."""
    rows = state["head.1.weight"].shape[0] if "head.1.weight" in state else 0
    checkpoint = replace(checkpoint, n_classes=rows)
    return {**untrained(replace(checkpoint, n_classes=0), 0, prefix="head"), **state}, checkpoint


def _inner(found: Any) -> Mapping:
    """DeiT's tensors lie one level down."""
    inner = found.get("model", found) if isinstance(found, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def _refuse_other_trainings(path: Path, checkpoint: Checkpoint) -> None:
    """Raise ValueError for what a training of another network wrote: shapes do not tell a hop."""
    trained = notes_of(path).get("recipe", {})
    for name, value in trained.get("architecture", {}).items() if trained.get("network") == "passt" else ():
        if name != "n_classes" and value != getattr(checkpoint, name, value):
            raise ValueError(
                f"{path}: was trained with {name} {value}, {checkpoint.name} has {getattr(checkpoint, name)}"
            )


def _described(checkpoint: Checkpoint) -> str:
    return (
        f"{checkpoint.name}'s file {checkpoint.file} (hop {checkpoint.hop}, "
        f"stride {checkpoint.fstride}x{checkpoint.tstride}, {checkpoint.max_window_s} s)"
    )
