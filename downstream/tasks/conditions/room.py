"""The response of a room: direct sound, and noise that decays exponentially."""

import numpy as np

from downstream.tasks.conditions.noise import WHITE, colored

DECAY_DB = 60.0


def response(rt60: float, rate: int, random: np.random.Generator) -> np.ndarray:
    """Make the impulse response of a room in which direct and reverberant sound have the same energy.

    h(t) = (d(t) + g n(t) 10^(-3 t / RT60)) / sqrt(2), where d is the direct sound at time 0, n is white noise, and g
    makes the energy of the second term that of the first. That is the statistical model of a diffuse field (Polack
    1988), heard at the critical distance, where the ratio of direct to reverberant energy is 0 dB. The energy of h is
    1, so that a room does not change the level of steady noise. h ends where it has decayed by 60 dB.

    Args:
        rt60: seconds in which the sound decays by 60 dB.
        rate: in Hz.
        random: where the noise comes from.

    Returns:
        (samples,) float64, its first sample the direct sound.
    """
    samples = max(2, round(rt60 * rate))
    times = np.arange(samples) / rate
    tail = colored(samples, rate, random, WHITE, 0.0) * 10 ** (-DECAY_DB / 20 * times / rt60)
    tail[0] = 0.0
    tail /= np.sqrt(2 * np.sum(tail**2))
    tail[0] = np.sqrt(0.5)
    return tail
