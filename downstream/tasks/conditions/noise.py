"""Noise with a given spectrum, made by an inverse Fourier transform of random phases.

Bins are as far apart in Hz for every rate, and their phases are drawn from the lowest bin upward. So the noise of a
clip at a lower rate is its noise at a higher rate without the frequencies above half the lower rate.
"""

import hashlib
import math

import numpy as np
from scipy import fft

LOWEST_HZ = 20.0  # pink noise has most power per Hz at the lowest frequencies, which nobody hears
PINK, WHITE = 0.5, 0.0
"""Amplitudes fall with frequency to this power: equal power in every octave, or in every Hz."""


def stream(*names: str) -> np.random.Generator:
    """The random numbers of something that has names, the same ones every time."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def period_s(samples: int, rate: int) -> int:
    """The period of noise in whole seconds: longer than the clip, and the same at all rates of a clip.

    Rates round a clip's length differently. So the bound between two periods is half a second off whole lengths.
    """
    return math.floor(samples / rate + 0.51) + 1


def colored(
    samples: int, rate: int, random: np.random.Generator, slope: float = PINK, lowest_hz: float = LOWEST_HZ
) -> np.ndarray:
    """Make noise by the random-phase method (Timmer & Koenig 1995, with amplitudes that are not random).

    Args:
        samples: its length.
        rate: in Hz.
        random: where its phases come from.
        slope: amplitudes are proportional to frequency to the power -slope: `PINK` or `WHITE`.
        lowest_hz: there is nothing below.

    Returns:
        (samples,) float64; its power is that of its bins, in units without meaning.
    """
    seconds = period_s(samples, rate)
    bins = seconds * rate // 2 + 1
    phases = random.random(bins) * 2 * np.pi
    first = max(1, math.ceil(lowest_hz * seconds))
    spectrum = np.zeros(bins, complex)
    frequencies = np.arange(first, bins) / seconds
    spectrum[first:] = np.exp(1j * phases[first:]) * frequencies**-slope
    noise: np.ndarray = fft.irfft(spectrum, seconds * rate)[:samples]
    return noise
