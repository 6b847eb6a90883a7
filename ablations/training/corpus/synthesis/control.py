"""Contours: slowly changing frequencies and levels.

They are computed every 64 samples, and linear in between.
"""

import torch
from torch import Tensor

STEP = 64  # samples between two points of a contour
FRAME = 1024  # samples of an STFT frame of the filters
HOP = FRAME // 2


def times(length: int, rate: int) -> Tensor:
    """Compute the times of a contour's points over `length` samples, in s: (1, length // STEP + 1)."""
    return torch.arange(length // STEP + 1)[None] * (STEP / rate)


def frame_times(length: int, rate: int) -> Tensor:
    """Compute the centers of STFT frames over `length` samples, in s: (1, length // HOP + 1)."""
    return torch.arange(length // HOP + 1)[None] * (HOP / rate)


def drawn_through(contour: Tensor) -> Tensor:
    """Interpolate linearly between the points: (n, points) -> (n, (points - 1) * STEP)."""
    ramp = torch.arange(STEP, device=contour.device) / STEP
    corners = torch.stack([contour[:, :-1], contour[:, 1:]], dim=-1)
    return (corners @ torch.stack([1 - ramp, ramp])).flatten(1)


def cycles(frequency: Tensor, rate: int) -> Tensor:
    """Integrate a contour of frequencies in Hz, linear between its points, to a phase in cycles.

    The sum up to each point is taken in float64, and only its fraction is kept. So the phase is exact to 1e-5 cycles.

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
    """Shape the envelope of a struck sound.

    It rises within `attack` s, then falls by 1/e every `fall` s.

    Shape:
        time (1, points) in s -> (n, points).
    """
    return (time / attack).clamp(max=1) * torch.exp(-(time - attack).clamp(min=0) / fall)


def held(time: Tensor, seconds: Tensor, attack: Tensor | float, release: Tensor | float) -> Tensor:
    """Shape the envelope of a held sound.

    It rises within `attack` s, and falls to 0 at `seconds` within `release` s.

    Both slopes are squared cosines.

    Shape:
        time (1, points) in s -> (n, points).
    """
    up, down = (time / attack).clamp(0, 1), ((seconds - time) / release).clamp(0, 1)
    return (torch.sin(up * torch.pi / 2) * torch.sin(down * torch.pi / 2)).square()


def arc(time: Tensor, seconds: Tensor) -> Tensor:
    """Shape half a sine: 0 at the beginning, 1 in the middle, 0 at `seconds`."""
    return torch.sin((time / seconds).clamp(0, 1) * torch.pi)
