"""DeiT-B/384 distilled, trained on ImageNet, as the start of a PaSST: what PaSST's training on AudioSet began with.

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

POSITIONS = "pos_embed"  # DeiT's name of its 2-d position encoding, cls and dist in front; no PaSST has it
HEADS = ("head.", "head_dist.")
# Of DeiT's 12 blocks those that a shallower PaSST starts with: the first, every second, the last (PaSST's cut_depth -2)
BLOCKS = {12: tuple(range(12)), 7: (0, 1, 3, 5, 7, 9, 11)}


def recognizes(state: Mapping[str, Tensor]) -> bool:
    """Whether these are the tensors of a DeiT, and not yet those of a PaSST."""
    return POSITIONS in state


def start(architecture: Architecture, state: Mapping[str, Tensor], *, seed: int = 0) -> dict[str, Tensor]:
    """The state dict that a PaSST of the architecture starts with.

    The filters for red, green and blue are summed. The position grid (24 x 24 patches) is interpolated to the
    architecture's (frequency, time), and its mean over the other axis is each encoding. ImageNet's heads are dropped,
    new ones are drawn from `seed` as `untrained` weights are.

    Args:
        state: DeiT's tensors by their published names.

    Raises:
        ValueError: the tensors are not a DeiT-B/384 distilled's, or the architecture has neither 12 nor 7 blocks.
    """
    if not recognizes(state):
        raise ValueError(f"{architecture}: a start from DeiT needs its {POSITIONS}, got {len(state)} other tensors")
    if architecture.depth not in BLOCKS:
        raise ValueError(f"{architecture}: a start from DeiT has 12 or 7 blocks, got {architecture.depth}")
    for name, tensor in state.items():
        check_dense(name, tensor, f"{architecture}: DeiT's tensors")
    kept = {name: tensor.float() for name, tensor in state.items() if not name.startswith((*HEADS, POSITIONS))}
    found = _with_blocks(kept, BLOCKS[architecture.depth])
    found["patch_embed.proj.weight"] = found["patch_embed.proj.weight"].sum(dim=1, keepdim=True)
    found |= encodings(state[POSITIONS].float(), architecture.grid)
    found |= untrained(architecture, seed, prefix="head")
    _check(found, architecture)
    return found


def encodings(positions: Tensor, grid: tuple[int, int]) -> dict[str, Tensor]:
    """PaSST's encodings of the special tokens, of frequency and of time.

    Shape:
        (1, 2 + side * side, width) -> (1, 2, width), (1, width, frequency, 1), (1, width, 1, time).
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
    """The tensors with only the chosen blocks, counted anew."""
    found = {name: tensor for name, tensor in state.items() if not name.startswith("blocks.")}
    for new, old in enumerate(chosen):
        prefix = f"blocks.{old}."
        found |= {
            f"blocks.{new}.{name.removeprefix(prefix)}": tensor
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
    return found


def _check(found: Mapping[str, Tensor], architecture: Architecture) -> None:
    wanted = shapes(architecture)
    for name in sorted(wanted.keys() | found.keys()):
        got = tuple(found[name].shape) if name in found else "none"
        if got != wanted.get(name):
            raise ValueError(
                f"not a DeiT-B/384 distilled: {name} becomes {got}, "
                f"{architecture} needs {wanted.get(name, 'no such tensor')}"
            )
