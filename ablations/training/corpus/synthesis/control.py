"""Contours: what changes slowly (frequencies, levels) is computed every 64 samples and drawn through in between."""

import torch
from torch import Tensor

STEP = 64  # samples between two points of a contour
FRAME = 1024  # samples of an STFT frame, by which sounds are filtered
HOP = FRAME // 2


def times(length: int, rate: int) -> Tensor:
    """(1, length // STEP + 1): the points of a contour over `length` samples, in s."""
    return torch.arange(length // STEP + 1)[None] * (STEP / rate)


def frame_times(length: int, rate: int) -> Tensor:
    """(1, length // HOP + 1): the centers of STFT frames over `length` samples, in s."""
    return torch.arange(length // HOP + 1)[None] * (HOP / rate)


def drawn_through(contour: Tensor) -> Tensor:
    """Linear between the points: (n, points) -> (n, (points - 1) * STEP)."""
    ramp = torch.arange(STEP, device=contour.device) / STEP
    corners = torch.stack([contour[:, :-1], contour[:, 1:]], dim=-1)
    return (corners @ torch.stack([1 - ramp, ramp])).flatten(1)


def cycles(frequency: Tensor, rate: int) -> Tensor:
    """The phase, in cycles, of an oscillator whose frequency in Hz is linear between the points of a contour.

    The sum up to each point is taken in float64 and only its fraction kept, so that the phase is exact to 1e-5 cycles.

    Shape:
        (n, points) -> (n, (points - 1) * STEP)
    """
    turns = frequency.double() * (STEP / rate)
    first, rise = turns[:, :-1], turns.diff()
    ends = (first + rise / 2).cumsum(-1)
    start = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=-1).frac()
    ramp = torch.arange(STEP, device=frequency.device) / STEP
    powers = torch.stack([torch.ones_like(ramp), ramp, ramp.square() / 2])
    return (torch.stack([start, first, rise], dim=-1).float() @ powers).flatten(1)


def hit(time: Tensor, attack: Tensor | float, fall: Tensor | float) -> Tensor:
    """Up in `attack` s, then down by 1/e every `fall` s."""
    return (time / attack).clamp(max=1) * torch.exp(-(time - attack).clamp(min=0) / fall)


def held(time: Tensor, seconds: Tensor, attack: Tensor | float, release: Tensor | float) -> Tensor:
    """Up in `attack` s, held, and down to 0 at `seconds` within `release` s; squared cosines."""
    up, down = (time / attack).clamp(0, 1), ((seconds - time) / release).clamp(0, 1)
    return (torch.sin(up * torch.pi / 2) * torch.sin(down * torch.pi / 2)).square()


def arc(time: Tensor, seconds: Tensor) -> Tensor:
    """0, 1 in the middle, 0 at `seconds`: half a sine."""
    return torch.sin((time / seconds).clamp(0, 1) * torch.pi)
