"""Load a checkpoint's tensors: published, packaged, from any file, or from a seed.

Nothing falls back silently. Published weights that are absent are fetched; if that is impossible, the error says which
file to put where. Untrained weights must be requested by name, which then appears in the spec and in every row.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
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
    Part(("head_dist.weight", "head_dist.bias"), ("head_dist.weight", "head_dist.bias")),  # not used in inference
)
"""The heads. A file may lack them, or have them with another number of outputs."""
IMAGENET_START = "deit_base_distilled_patch16_384"


def load(checkpoint: Checkpoint, weights: str) -> dict[str, Tensor]:
    """Load the state dict that the weights part of a spec names.

    Args:
        checkpoint: the checkpoint.
        weights: `published`, `demo`, or `untrained-SEED`.

    Raises:
        FileNotFoundError: the file is absent and can't be fetched. The message says where to get and put it.
        ValueError: only a file can give these weights, or the file does not fit the checkpoint.
    """
    if weights.startswith("untrained-"):
        return untrained(checkpoint, int(weights.removeprefix("untrained-")))
    if weights == "demo" and checkpoint.shipped:
        return read(demo.installed(checkpoint.shipped), checkpoint)
    if weights == "published" and not checkpoint.shipped:
        path = published_file(checkpoint)
        return read(path, checkpoint, sha256=recorded(path))
    kind = "demo" if checkpoint.shipped else "published"
    raise ValueError(f"{checkpoint.name}: weights {weights!r} have no file; expected {kind}, untrained-SEED or a file")


def imagenet_start(architecture: Architecture, *, seed: int = 0, track: Track = silent) -> dict[str, Tensor]:
    """Load the start of a training from ImageNet.

    It is DeiT's published weights, converted, with new heads from `seed`.
    """
    published = checkpoints.get(IMAGENET_START)
    return deit.start(architecture, tensors(published_file(published, track=track)), seed=seed)


def read(path: str | Path, checkpoint: Checkpoint, *, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a .pt or .safetensors file, and check names and shapes of its tensors.

    Args:
        path: the file.
        checkpoint: the checkpoint that the file must fit.
        sha256: hash of the file, if the caller knows it.

    Raises:
        FileNotFoundError: the file is absent.
        ValueError: the file does not fit the checkpoint. The message names the file and the tensor.
    """
    path = Path(path)
    state = content(path)
    refuse_others(path, checkpoint, checkpoints.table().values(), _described, sha256)
    _refuse_other_trainings(path, checkpoint)
    if checkpoint.layout == "deit" and deit.recognizes(inner := _inner(state)):
        try:
            state = deit.start(checkpoint, inner)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return state_of(state, checkpoint, str(path))


def state_of(content: Any, checkpoint: Checkpoint, source: str) -> dict[str, Tensor]:
    """Find the checkpoint's tensors in the content of a file, as float32.

    Heads may have any width, or be absent.

    Args:
        content: a state dict, or mappings that contain one.
        checkpoint: the checkpoint whose tensors are wanted.
        source: where the content is from, for messages.

    Raises:
        ValueError: the content does not fit. The message names the source and the tensor.
    """
    state = network_of(content, shapes(checkpoint), checkpoint.name, source, HEADS)
    return {name: tensor.float() for name, tensor in state.items()}


def with_heads(state: Mapping[str, Tensor], checkpoint: Checkpoint) -> tuple[dict[str, Tensor], Checkpoint]:
    """Add heads without outputs to a state dict that lacks them.

    The checkpoint gets as many classes as the state dict has.
    """
    rows = state["head.1.weight"].shape[0] if "head.1.weight" in state else 0
    checkpoint = replace(checkpoint, n_classes=rows)
    return {**untrained(replace(checkpoint, n_classes=0), 0, prefix="head"), **state}, checkpoint


def _inner(content: Any) -> Mapping[str, Any]:
    """Take the tensors of DeiT's file, which are one level down."""
    inner = content.get("model", content) if isinstance(content, Mapping) else {}
    return inner if isinstance(inner, Mapping) else {}


def _refuse_other_trainings(path: Path, checkpoint: Checkpoint) -> None:
    """Raise ValueError for a file from the training of another architecture.

    Shapes alone do not show the hop.
    """
    recipe = notes_of(path).recipe
    if recipe.get("network") != "passt":
        return
    expected = {name: value for name, value in asdict(checkpoint.architecture).items() if name != "n_classes"}
    for name, value in recipe.get("architecture", {}).items():
        if value != expected.get(name, value):
            raise ValueError(f"{path}: was trained with {name} {value}, {checkpoint.name} has {expected[name]}")


def _described(checkpoint: Checkpoint) -> str:
    return (
        f"{checkpoint.name}'s file {checkpoint.file} (hop {checkpoint.hop}, "
        f"stride {checkpoint.fstride}x{checkpoint.tstride}, {checkpoint.max_window_s} s)"
    )
