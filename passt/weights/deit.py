"""The start of a PaSST from DeiT-B/384 distilled, trained on ImageNet.

PaSST's training on AudioSet began with it.

Source: Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022, and the package
hear21passt 0.0.26, whose numbers it reproduces.
"""

import math
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from passt.catalog.architecture import Architecture
from passt.network.model import SPECIAL
from passt.weights.initial import shapes, untrained
from passt.weights.state_dicts import check_dense

POSITIONS = "pos_embed"  # DeiT's 2-d position encoding, with cls and dist in front; no PaSST has a tensor of this name
HEADS = ("head.", "head_dist.")
BLOCKS = {12: tuple(range(12)), 7: (0, 1, 3, 5, 7, 9, 11)}
"""Depth of a PaSST -> the DeiT blocks that it starts with. With 7: the first, then every second (cut_depth -2)."""


def recognizes(state: Mapping[str, Tensor]) -> bool:
    """Check whether these are the tensors of a DeiT, not yet converted to those of a PaSST."""
    return POSITIONS in state


def start(architecture: Architecture, state: Mapping[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """Convert DeiT's tensors to the state dict that a PaSST starts with.

    The filters for red, green and blue are summed. The position grid (24 x 24 patches) is interpolated to the
    architecture's (frequency, time); each encoding is its mean over the other axis. The ImageNet heads are dropped,
    and new ones are drawn as for `untrained` weights.

    Args:
        architecture: the PaSST, with 12 or 7 blocks.
        state: DeiT's tensors by their published names.
        seed: seed of the new heads.

    Raises:
        ValueError: the tensors are not those of a DeiT-B/384 distilled, or the architecture has another depth.
    """
    if not recognizes(state):
        raise ValueError(f"{architecture}: a start from DeiT needs its {POSITIONS}, got {len(state)} other tensors")
    if architecture.depth not in BLOCKS:
        raise ValueError(f"{architecture}: a start from DeiT has 12 or 7 blocks, got {architecture.depth}")
    for name, tensor in state.items():
        check_dense(name, tensor, f"{architecture}: DeiT's tensors")
    kept = {name: tensor.float() for name, tensor in state.items() if not name.startswith((*HEADS, POSITIONS))}
    converted = _with_blocks(kept, BLOCKS[architecture.depth])
    converted["patch_embed.proj.weight"] = converted["patch_embed.proj.weight"].sum(dim=1, keepdim=True)
    converted |= encodings(state[POSITIONS].float(), architecture.grid)
    converted |= untrained(architecture, seed, prefix="head")
    _check(converted, architecture)
    return converted


def encodings(positions: Tensor, grid: tuple[int, int]) -> dict[str, Tensor]:
    """Compute PaSST's encodings from DeiT's position encoding.

    Args:
        positions: (1, 2 + side * side, width).
        grid: numbers of patches along (frequency, time).

    Returns:
        (1, 2, width), (1, width, frequency, 1) and (1, width, 1, time), by the names of PaSST's tensors.
    """
    special, patches = positions[:, :SPECIAL], positions[:, SPECIAL:]
    side = math.isqrt(patches.shape[1])
    square = patches.transpose(1, 2).unflatten(2, (side, side))
    resized = F.interpolate(square, size=grid, mode="bicubic", align_corners=False)
    return {
        "new_pos_embed": special.clone(),
        "freq_new_pos_embed": resized.mean(dim=3, keepdim=True),
        "time_new_pos_embed": resized.mean(dim=2, keepdim=True),
    }


def _with_blocks(state: Mapping[str, Tensor], chosen: tuple[int, ...]) -> dict[str, Tensor]:
    """Keep only the chosen blocks, and number them from 0."""
    renumbered = {name: tensor for name, tensor in state.items() if not name.startswith("blocks.")}
    for new, old in enumerate(chosen):
        prefix = f"blocks.{old}."
        renumbered |= {
            f"blocks.{new}.{name.removeprefix(prefix)}": tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
    return renumbered


def _check(state: Mapping[str, Tensor], architecture: Architecture) -> None:
    expected = shapes(architecture)
    for name in sorted(expected.keys() | state.keys()):
        got = tuple(state[name].shape) if name in state else "none"
        if got != expected.get(name):
            raise ValueError(
                f"not a DeiT-B/384 distilled: {name} becomes {got}, "
                f"{architecture} needs {expected.get(name, 'no such tensor')}"
            )
