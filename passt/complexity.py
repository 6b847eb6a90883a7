"""The cost of a checkpoint's network: its parameters, and the multiply-adds of one excerpt."""

import functools

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from passt.catalog.checkpoints import MEL_BANDS, SAMPLE_RATE, Checkpoint
from passt.network.model import Passt
from passt.weights.initial import network_on_meta


@functools.cache
def parameters(checkpoint: Checkpoint) -> int:
    """Count the parameters of the network, including the unused second head."""
    return sum(parameter.numel() for parameter in _network(checkpoint).parameters())


@functools.cache
def macs(checkpoint: Checkpoint, seconds: float = 10.0, levels: tuple[str, ...] | None = None) -> int:
    """Count the multiply-adds of the network for one excerpt. The front end is not counted.

    Nothing is computed: the network runs on tensors without values.

    Args:
        checkpoint: the checkpoint whose network is counted.
        seconds: length of the excerpt in s.
        levels: levels to compute. None is features and logits. The network ends at the deepest of them.

    Raises:
        ValueError: the excerpt holds no patch, or is longer than the checkpoint's maximum.
    """
    samples = round(seconds * SAMPLE_RATE)
    if not checkpoint.min_samples <= samples <= checkpoint.max_window_s * SAMPLE_RATE:
        low = checkpoint.min_samples / SAMPLE_RATE
        raise ValueError(f"{checkpoint.name}: seconds must be {low:.3f} to {checkpoint.max_window_s}, got {seconds}")
    frames = (samples - 1) // checkpoint.hop + 1
    if levels is None:
        levels = tuple(level for level in ("features", "logits") if level in checkpoint.levels)
    counter = FlopCounterMode(display=False)
    # attention as two plain products, because the fused kernels are only counted if the device has them
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        _network(checkpoint)(torch.empty(1, MEL_BANDS, frames, device="meta"), levels)
    return counter.get_total_flops() // 2


@functools.lru_cache(maxsize=1)
def _network(checkpoint: Checkpoint) -> Passt:
    return network_on_meta(checkpoint)
