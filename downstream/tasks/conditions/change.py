"""Change the sound of a clip by conditions, in their order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from downstream.tasks.conditions import noise, room
from downstream.tasks.conditions.condition import Condition
from downstream.tasks.conditions.power import active_power

RULE = 1  # part of fingerprints of changed sound; raised when the rule changes the sound
BYTES = 64  # of memory a sample, at most, while a clip is changed
TRANSITION = 0.1  # of a low-pass's frequency, below it
STOPPED_DB = 80.0


@dataclass(frozen=True)
class Notes:
    """What became of a clip apart from what was asked for.

    Attributes:
        silent: it is silent, so that no ratio of signal to noise is defined, and has no noise.
        clipped: samples beyond full scale, which a gain has set to it.
        turned_down_db: by how much noise or a room would have left full scale, and the whole clip was turned down.
    """

    silent: bool = False
    clipped: int = 0
    turned_down_db: float = 0.0


def changed(sound: np.ndarray, rate: int, conditions: Sequence[Condition], name: str) -> tuple[np.ndarray, Notes]:
    """Apply conditions to a clip, one after the other.

    What is random depends on the clip's name and the kind of condition alone: it is the same for every model, and for
    every ratio of signal to noise.

    Args:
        sound: (samples,) float32 in [-1, 1].
        rate: in Hz.
        conditions: in the order in which they are applied.
        name: of the clip.

    Returns:
        (samples,) float32 in [-1, 1], and what else became of it.
    """
    silent, clipped, turned_down = False, 0, 0.0
    for condition in conditions:
        result = CHANGES[condition.kind](sound.astype(float), rate, condition.value, noise.stream(condition.kind, name))
        if result is None:
            silent = True
            continue
        peak = float(np.abs(result).max(initial=0.0))
        if condition.kind == "gain":
            clipped += int(np.count_nonzero(np.abs(result) > 1))
            result = np.clip(result, -1, 1)
        elif peak > 1:
            result /= peak
            turned_down += 20 * np.log10(peak)
        sound = result.astype(np.float32)
    return sound, Notes(silent, clipped, turned_down)


def _with_noise(sound: np.ndarray, rate: int, snr_db: float, random: np.random.Generator) -> np.ndarray | None:
    """Add pink noise whose mean power lies below the clip's active power; None for silence."""
    power = active_power(sound, rate)
    pink = noise.colored(len(sound), rate, random)
    own = float(np.mean(pink**2)) if len(pink) else 0.0
    if power == 0 or own == 0:
        return None
    return sound + pink * float(np.sqrt(power / own * 10 ** (-snr_db / 10)))


def _in_room(sound: np.ndarray, rate: int, rt60: float, random: np.random.Generator) -> np.ndarray:
    """Convolve with the response of a room; the clip keeps its length, and its sounds their times."""
    whole: np.ndarray = signal.oaconvolve(sound, room.response(rt60, rate, random))[: len(sound)]
    return whole


def _amplified(sound: np.ndarray, rate: int, gain_db: float, random: np.random.Generator) -> np.ndarray:
    return sound * float(10 ** (gain_db / 20))


def _limited(sound: np.ndarray, rate: int, highest_hz: float, random: np.random.Generator) -> np.ndarray:
    """Filter by a symmetric low-pass (windowed sinc, Kaiser 1974), which moves nothing in time.

    It passes what is below 0.9 of a frequency, and takes off 80 dB above the frequency.
    """
    if highest_hz >= rate / 2:
        return sound
    width = TRANSITION * highest_hz
    length, beta = signal.kaiserord(STOPPED_DB, width / (rate / 2))
    taps = signal.firwin(length | 1, highest_hz - width / 2, window=("kaiser", beta), fs=rate)
    whole: np.ndarray = signal.oaconvolve(sound, taps, mode="full")[len(taps) // 2 :][: len(sound)]
    return whole


CHANGES: dict[str, Callable[[np.ndarray, int, float, np.random.Generator], np.ndarray | None]] = {
    "snr": _with_noise,
    "reverb": _in_room,
    "gain": _amplified,
    "band": _limited,
}
"""What each kind of condition does: (samples,) float64, rate in Hz, value and random numbers to (samples,)."""
