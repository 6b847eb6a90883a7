"""The active power of a clip, which leaves out its pauses."""

import numpy as np

FRAME_S = 0.02
RANGE_DB = 40.0
"""Frames that are so far below the loudest frame are pauses."""


def active_power(sound: np.ndarray, rate: int) -> float:
    """Measure the mean power of a clip's frames that are no pauses; 0 for silence.

    Frames are 20 ms long and do not overlap. A frame is active if its power is at most 40 dB below that of the loudest
    frame. The mean of the clip is no sound and is taken off before. This is the idea of the active speech level of
    ITU-T P.56 (method B: the mean power while speech is active) with frames in place of its envelope and hangover, and
    a margin wide enough for sounds other than speech. A steady sound has its mean power.

    Args:
        sound: (samples,).
        rate: in Hz.
    """
    if not len(sound):
        return 0.0
    squares = np.square(sound - sound.mean(dtype=float), dtype=float)
    starts = np.arange(0, len(sound), max(1, round(FRAME_S * rate)))
    powers = np.add.reduceat(squares, starts) / np.diff(starts, append=len(sound))
    loudest = powers.max()
    if loudest <= np.finfo(np.float32).tiny:  # rounding of the mean, or nothing
        return 0.0
    return float(powers[powers >= loudest * 10 ** (-RANGE_DB / 10)].mean())
