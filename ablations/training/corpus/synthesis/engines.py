"""Synthesis of many sounds at once, by matrix products, phases and STFT filters."""

import functools

import torch
from torch import Tensor

from ablations.training.corpus.synthesis.control import FRAME, HOP, cycles, drawn_through
from ablations.training.corpus.synthesis.randomness import noise, stretches
from ablations.training.corpus.synthesis.sounds import Filtered, Modal, Oscillator, Sound

BLOCK = 512  # samples of a block in `modal`, and of the blocks over which loudness is measured
HIGHEST_PARTIAL = 0.47  # share of the sample rate; partials above this frequency are left out


def synthesized(sound: Sound, offsets: Tensor, length: int, rate: int) -> Tensor:
    """Compute the samples of n sounds. The loudest 16 ms of each have root mean square 1.

    Args:
        sound: n sounds of one type.
        offsets: (n, 2), int64, where the noise of each sound starts in the tables of noise.
        length: samples to compute, a multiple of 1024.
        rate: sample rate in Hz.

    Returns:
        (n, length), float32, on the sounds' device.
    """
    if isinstance(sound, Modal):
        samples = modal(sound, length, rate)
    elif isinstance(sound, Oscillator):
        samples = oscillated(sound, rate)
    else:
        samples = filtered(sound, offsets, length, rate)
    samples = samples.mul_(drawn_through(sound.envelope))
    power = samples.view(len(samples), -1, BLOCK).square().mean(-1).amax(-1, keepdim=True)
    return samples.mul_(power.clamp(min=1e-12).rsqrt())


def modal(sound: Modal, length: int, rate: int) -> Tensor:
    """Sum exp(-d t) sin(2 pi f t) over partials, as a matrix product.

    Its factors are blocks of 512 samples, and the samples of a block.

    Adding angles is multiplying rotations, so sines are needed only for the starts of blocks and the samples of one.

    Returns:
        (n, length).
    """
    frequency = sound.frequency.double() / rate  # cycles a sample
    amplitude = sound.amplitude * (frequency < HIGHEST_PARTIAL)
    decay = sound.decay / rate
    starts = torch.arange(0, length, BLOCK, device=decay.device)
    inside = torch.arange(BLOCK, device=decay.device)
    angle = 2 * torch.pi * (frequency[:, None] * starts[:, None]).frac().float()  # (n, blocks, partials)
    level = amplitude[:, None] * torch.exp(-decay[:, None] * starts[:, None])
    left = torch.cat([level * torch.sin(angle), level * torch.cos(angle)], dim=-1)
    angle = 2 * torch.pi * (frequency[..., None] * inside).frac().float()  # (n, partials, 512)
    level = torch.exp(-decay[..., None] * inside)
    right = torch.cat([level * torch.cos(angle), level * torch.sin(angle)], dim=1)
    return (left @ right).flatten(1)


def oscillated(sound: Oscillator, rate: int) -> Tensor:
    """Compute sines of moving frequency: (n, samples).

    If there is a modulator, it modulates their phase.
    """
    phase = cycles(sound.frequency, rate).mul_(2 * torch.pi)
    if sound.modulator is not None:
        swing = cycles(sound.modulator, rate).mul_(2 * torch.pi).sin_()
        phase += swing.mul_(drawn_through(sound.index))
    return phase.sin_()


def filtered(sound: Filtered, offsets: Tensor, length: int, rate: int) -> Tensor:
    """Compute noise and pulses, and filter them: (n, length)."""
    source = None
    if sound.noise is not None:
        source = grains(offsets, length, sound.density) if sound.density is not None else noise(offsets, length)
        source *= drawn_through(sound.noise)
    if sound.frequency is not None:
        train = pulses(sound, rate).mul_(drawn_through(sound.pulse))
        source = train if source is None else source.add_(train)
    return shaped(source, response(sound, rate))


def grains(offsets: Tensor, length: int, density: Tensor) -> Tensor:
    """Compute noise of variance 1 that is 0 except for a share of the samples.

    Args:
        offsets: (n, 2), int64, where the noise starts in the tables.
        length: samples to compute.
        density: (n, 1), the share.
    """
    threshold = torch.special.ndtri(1 - density.double()).float()
    chosen = stretches(offsets[:, 0], length, 0) > threshold
    return stretches(offsets[:, 1], length, 1).mul_(chosen).mul_(density.rsqrt())


def pulses(sound: Filtered, rate: int) -> Tensor:
    """Compute one pulse exp(k (cos(phase) - 1)) per cycle, with power 1: (n, samples).

    The harmonics, about sqrt(k) of them, fall off like a Gaussian. The sharpness k is limited so that the harmonic at
    half the sample rate is exp(-4) of the first.
    """
    most = (rate / 2 / sound.frequency.amax(-1, keepdim=True)).square() / 8
    sharpness = torch.minimum(sound.sharpness, most)
    power = torch.special.i0e(2 * sharpness) - torch.special.i0e(sharpness).square()  # without the mean
    half = cycles(sound.frequency, rate).mul_(torch.pi).sin_()
    return half.square_().mul_(-2 * sharpness).exp_().mul_(power.rsqrt())


@functools.lru_cache(maxsize=8)
def _window(device: torch.device) -> Tensor:
    return torch.hann_window(FRAME, device=device).sqrt()


def shaped(source: Tensor, gains: Tensor) -> Tensor:
    """Multiply the spectrum of each STFT frame by real gains.

    Phases stay; gains of 1 give the source back.

    Args:
        source: (n, samples).
        gains: (n, frames or 1, 513), frames = samples // 512 + 1.

    Returns:
        (n, samples).
    """
    window = _window(source.device)
    frames = torch.nn.functional.pad(source, (HOP, HOP)).unfold(-1, FRAME, HOP) * window
    spectrum = torch.fft.rfft(frames).mul_(gains)
    frames = torch.fft.irfft(spectrum, FRAME).mul_(window)
    return (frames[:, :-1, HOP:] + frames[:, 1:, :HOP]).flatten(1)


def response(sound: Filtered, rate: int) -> Tensor:
    """Compute the gains of a sound's filter at the bins of the STFT: (n, frames or 1, 513).

    The gain at 0 Hz is 0.
    """
    bins = torch.arange(1, FRAME // 2 + 1, device=sound.envelope.device) * (rate / FRAME)
    slope = (sound.tilt / 6.0206 * torch.log2(bins / 1000.0) * 0.6931472).clamp(max=7).exp()[:, None]
    if sound.center is not None:
        peaks = 0
        for k in range(sound.center.shape[-1]):
            offset = (bins - sound.center[..., k, None]) / (sound.width[..., k, None] / 2)
            peaks = peaks + sound.gain[..., k, None] / (1 + offset.square_())
        slope = slope * peaks
    return torch.nn.functional.pad(slope, (1, 0))
