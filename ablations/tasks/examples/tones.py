"""A regression task of synthesized tones: which pitch, in semitones, whatever the timbre.

Nothing is fetched. A timbre is drawn once and sounds at many pitches; a fold holds timbres of its own, so that those of
a test are never heard in training. What is heard as pitch is the fundamental, which some timbres hardly contain.
"""

from dataclasses import dataclass

import numpy as np

from ablations.tasks.examples.clips import Clips

RATE = 32000  # Hz
SECONDS = 0.8
FOLDS, TIMBRES, CLIPS = 5, 20, 15
LOWEST, HIGHEST = 40.0, 88.0  # in semitones, of which 69 is 440 Hz: four octaves
STEPS = 0.01  # of a semitone
PARTIALS = 40
FORMANTS = 3
PEAK_DB = (-18.0, -3.0)


@dataclass(frozen=True)
class Timbre:
    """What is the same at all pitches.

    Attributes:
        partials: (partials,) amplitudes, the fundamental first.
        formants: center in Hz, width in octaves and gain in dB of peaks that stay where they are.
        stretch: how far partials are off, as of a stiff string.
        attack, decay: times in s.
        vibrato: depth in semitones, and rate in Hz.
        noise_db: level of a noise, relative to the tone.
    """

    partials: np.ndarray
    formants: np.ndarray
    stretch: float
    attack: float
    decay: float
    vibrato: tuple[float, float]
    noise_db: float


def semitones(clips: Clips, seed: int) -> None:
    """Make a task on the pitch of a tone: regression, 20 timbres at 15 pitches each.

    Args:
        clips: where the tones go.
        seed: of everything that is drawn.
    """
    step = (HIGHEST - LOWEST) / CLIPS
    for number in range(TIMBRES):
        rng = np.random.default_rng((seed, number))
        timbre = drawn_timbre(rng)
        for place in range(CLIPS):
            pitch = round((LOWEST + step * (place + rng.random())) / STEPS) * STEPS
            row = {"target": f"{pitch:.2f}", "fold": number % FOLDS, "group": f"timbre {number}"}
            clips.add(f"{number:02}_{place:02}.flac", tone(timbre, pitch, rng), RATE, row)


def drawn_timbre(rng: np.random.Generator) -> Timbre:
    """Draw a timbre."""
    order = np.arange(1, PARTIALS + 1)
    partials = order ** -rng.uniform(0.3, 2.0) * rng.uniform(0.3, 1.0, PARTIALS)
    partials[1::2] *= rng.choice([0.05, 1.0])  # as of a clarinet, in half of the timbres
    partials[0] *= rng.choice([0.1, 1.0])
    formants = np.stack(
        [rng.uniform(300, 5000, FORMANTS), rng.uniform(0.2, 0.8, FORMANTS), rng.uniform(0, 20, FORMANTS)], axis=1
    )
    return Timbre(
        partials,
        formants,
        stretch=float(rng.choice([0.0, 10 ** rng.uniform(-4.5, -3)])),
        attack=float(10 ** rng.uniform(-2.5, -1)),
        decay=float(10 ** rng.uniform(-1, 1)),
        vibrato=(float(rng.choice([0.0, 0.3]) * rng.random()), float(rng.uniform(4, 7))),
        noise_db=float(rng.uniform(-45, -15)),
    )


def tone(timbre: Timbre, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Sound a timbre at a pitch in semitones: (samples,) at `RATE`, with phases, level and noise of its own."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    depth, rate = timbre.vibrato
    shift = 2 ** (depth * np.sin(2 * np.pi * (rate * time + rng.random())) / 12)
    cycles = np.cumsum(440 * 2 ** ((pitch - 69) / 12) * shift) / RATE  # of the fundamental
    order = np.arange(1, PARTIALS + 1)
    factors = order * np.sqrt(1 + timbre.stretch * order**2)
    frequencies = factors * 440 * 2 ** ((pitch - 69) / 12)
    sound = np.zeros(len(time))
    for frequency, factor, amplitude in zip(frequencies, factors, timbre.partials, strict=True):
        if frequency < 0.45 * RATE:
            gain = 10 ** (_formant_db(timbre, frequency) / 20)
            sound += amplitude * gain * np.sin(2 * np.pi * (factor * cycles + rng.random()))
    sound *= np.minimum(time / timbre.attack, 1) * np.exp(-np.maximum(time - timbre.attack, 0) / timbre.decay)
    noise = rng.normal(size=len(time)) * np.sqrt(np.mean(sound**2)) * 10 ** (timbre.noise_db / 20)
    mixed = sound + noise
    return np.asarray(mixed * 10 ** (rng.uniform(*PEAK_DB) / 20) / np.abs(mixed).max())


def _formant_db(timbre: Timbre, frequency: float) -> float:
    centers, widths, gains = timbre.formants.T
    return float((gains * np.exp(-((np.log2(frequency / centers) / widths) ** 2))).sum())
