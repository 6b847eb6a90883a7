"""The effective receptive field by gradients: squared derivatives of an embedding by samples."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ablations.receptive_field.layout import Layout
from downstream.embedder import Embedder, Tap
from downstream.progress import Advance
from passt.windows.samples import differentiable

DRAWS = 8
"""Random directions of the embedding; of fewer dimensions all."""
SECONDS_AT_ONCE = 4.0
"""Of sound whose activations are kept for the way back."""


def why_not(embedder: Embedder) -> str:
    """Say why an embedder has no gradients; empty if it may have them.

    They need a network that torch computes from the samples on. Encoders of transformers read samples through a feature
    extractor in numpy, HEAR modules and Python objects take and give arrays, and baselines without a network have none.
    """
    net = getattr(embedder, "net", None)
    has_network = isinstance(net, nn.Module) and any(True for _ in net.parameters())
    return "" if has_network else "no gradients: torch does not follow its samples to its embeddings"


def gradients(
    layout: Layout, excerpts: Tensor, stretches: Sequence[slice], seed: int, advance: Advance
) -> dict[Tap, np.ndarray]:
    """Estimate the squared Jacobian of embeddings by samples, summed over dimensions and over each stretch.

    For v of independent standard normal entries the mean of |J' v|^2 is the sum over dimensions of squared gradients.

    Args:
        layout: how excerpts go through the embedder, whose network has parameters.
        excerpts: (excerpts, samples).
        stretches: of an excerpt.
        seed: of the directions.
        advance: is told of every excerpt that was embedded.

    Returns:
        tap -> (excerpts, stretches).

    Raises:
        ValueError: embeddings do not follow the samples.
    """
    rate = layout.embedder.sample_rate
    at_once = max(1, int(SECONDS_AT_ONCE * rate / layout.samples))
    results: dict[Tap, list[np.ndarray]] = {tap: [] for tap in layout.taps}
    stream = torch.Generator().manual_seed(seed)
    with _learning(layout.embedder), differentiable():
        for start in range(0, len(excerpts), at_once):
            part = excerpts[start : start + at_once].to(_device(layout.embedder)).clone().requires_grad_()
            embedded = layout.embed(part)
            for number, tap in enumerate(layout.taps, start=1):
                squares = _squares(embedded[tap], part, stream, last=number == len(layout.taps))
                sums = torch.stack([squares[:, stretch].sum(1) for stretch in stretches], 1)
                results[tap].append(sums.cpu().numpy())
            advance(len(part))
    return {tap: np.concatenate(parts) for tap, parts in results.items()}


def _squares(values: Tensor, samples: Tensor, stream: torch.Generator, last: bool) -> Tensor:
    """Sum squared gradients over directions of the embeddings: (excerpts, samples), float64."""
    if not values.requires_grad:
        raise ValueError("no gradients: its embeddings do not follow its samples")
    dims = values.shape[1]
    if dims <= DRAWS:
        directions = torch.eye(dims)[:, None].expand(dims, *values.shape)
    else:
        directions = torch.randn(DRAWS, *values.shape, generator=stream) / DRAWS**0.5
    total = torch.zeros(samples.shape, dtype=torch.float64, device=samples.device)
    for number, direction in enumerate(directions, start=1):
        keep = not (last and number == len(directions))
        (gradient,) = torch.autograd.grad(values, samples, direction.to(values), retain_graph=keep)
        total += gradient.double().square()
    return total


@contextlib.contextmanager
def _learning(embedder: Embedder) -> Iterator[None]:
    """Let the network itself compute, not its inference form, whose packed weights have no gradients.

    One parameter that wants gradients is enough for that (`passt.network.following`); its own are not computed.
    """
    parameter = next(iter(embedder.net.parameters()))  # type: ignore[attr-defined]  # `why_not` has seen it
    wanted = parameter.requires_grad
    try:
        parameter.requires_grad_(True)
        with torch.enable_grad():
            yield
    finally:
        parameter.requires_grad_(wanted)


def _device(embedder: Embedder) -> torch.device:
    return torch.device(getattr(embedder, "device", "cpu"))
