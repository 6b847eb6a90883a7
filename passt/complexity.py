"""What a checkpoint's network costs: its parameters, and the multiply-adds of one excerpt, from the network itself."""

import functools

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from passt.catalog.checkpoints import MEL_BANDS, SAMPLE_RATE, Checkpoint
from passt.network.model import Passt
from passt.weights.initial import network_on_meta


@functools.cache
def parameters(checkpoint: Checkpoint) -> int:
    """Numbers that training sets, the unused second head included."""
    return sum(parameter.numel() for parameter in _network(checkpoint).parameters())


@functools.cache
def macs(checkpoint: Checkpoint, seconds: float = 10.0, levels: tuple[str, ...] | None = None) -> int:
    """Multiply-adds of the network's products for one excerpt's features and logits; the front end is not counted.

    Nothing is computed: the network runs on shapes alone.

    Args:
        levels: of the network, in place of these two: as deep as they want.

    Raises:
        ValueError: an excerpt that holds no patch, or longer than the checkpoint's maximum.
    """
    samples = round(seconds * SAMPLE_RATE)
    if not checkpoint.min_samples <= samples <= checkpoint.max_window_s * SAMPLE_RATE:
        low = checkpoint.min_samples / SAMPLE_RATE
        raise ValueError(f"{checkpoint.name}: seconds must be {low:.3f} to {checkpoint.max_window_s}, got {seconds}")
    frames = (samples - 1) // checkpoint.hop + 1
    if levels is None:
        levels = tuple(level for level in ("features", "logits") if level in checkpoint.levels)
    counter = FlopCounterMode(display=False)
    # attention as two plain products: the fused kernels are counted only where they exist
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        _network(checkpoint)(torch.empty(1, MEL_BANDS, frames, device="meta"), levels)
    return counter.get_total_flops() // 2


@functools.lru_cache(maxsize=1)
def _network(checkpoint: Checkpoint) -> Passt:
    return network_on_meta(checkpoint)
