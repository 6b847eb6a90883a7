"""From sounds as values to samples: matrix products, phases and STFT filters, over many sounds at once."""

import functools

import torch
from torch import Tensor

from ablations.training.corpus.synthesis.control import FRAME, HOP, cycles, drawn_through
from ablations.training.corpus.synthesis.randomness import noise, stretches
from ablations.training.corpus.synthesis.sounds import Filtered, Modal, Oscillator, Sound

BLOCK = 512  # samples of a block of `modal`; also those over which loudness is measured
CALM = 0.47  # of the rate: partials above this frequency are left out


def synthesized(sound: Sound, offsets: Tensor, length: int, rate: int) -> Tensor:
    """The samples of sounds whose loudest 16 ms have the root mean square 1.

    Args:
        offsets: (n, 2), int64: where each one's noise starts in the tables.
        length: a multiple of 1024.

    Shape:
        n sounds -> (n, length), float32, on their device.
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
    """exp(-d t) sin(2 pi f t), summed over partials, as a product: blocks of 512 samples times samples of a block.

    A sum of angles is a product of rotations, so that only blocks and one block's samples need sines.
    """
    frequency = sound.frequency.double() / rate  # cycles a sample
    amplitude = sound.amplitude * (frequency < CALM)
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
    phase = cycles(sound.frequency, rate).mul_(2 * torch.pi)
    if sound.modulator is not None:
        swing = cycles(sound.modulator, rate).mul_(2 * torch.pi).sin_()
        phase += swing.mul_(drawn_through(sound.index))
    return phase.sin_()


def filtered(sound: Filtered, offsets: Tensor, length: int, rate: int) -> Tensor:
    source = None
    if sound.noise is not None:
        source = grains(offsets, length, sound.density) if sound.density is not None else noise(offsets, length)
        source *= drawn_through(sound.noise)
    if sound.frequency is not None:
        train = pulses(sound, rate).mul_(drawn_through(sound.pulse))
        source = train if source is None else source.add_(train)
    return shaped(source, response(sound, rate))


def grains(offsets: Tensor, length: int, density: Tensor) -> Tensor:
    """Noise of variance 1 of which only a share of the samples, `density` (n, 1), is not 0."""
    threshold = torch.special.ndtri(1 - density.double()).float()
    chosen = stretches(offsets[:, 0], length, 0) > threshold
    return stretches(offsets[:, 1], length, 1).mul_(chosen).mul_(density.rsqrt())


def pulses(sound: Filtered, rate: int) -> Tensor:
    """A pulse exp(k (cos(phase) - 1)) a cycle, of power 1: harmonics that fall as a Gaussian, sqrt(k) of them.

    The sharpness is kept so low that the harmonic at half the rate is exp(-4) of the first.
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
    """Each STFT frame's spectrum times real gains: no phase is turned, and gains of 1 give the source back.

    Shape:
        (n, samples), (n, frames or 1, 513) -> (n, samples); frames = samples // 512 + 1
    """
    window = _window(source.device)
    frames = torch.nn.functional.pad(source, (HOP, HOP)).unfold(-1, FRAME, HOP) * window
    spectrum = torch.fft.rfft(frames).mul_(gains)
    frames = torch.fft.irfft(spectrum, FRAME).mul_(window)
    return (frames[:, :-1, HOP:] + frames[:, 1:, :HOP]).flatten(1)


def response(sound: Filtered, rate: int) -> Tensor:
    """Gains at the bins of the STFT: (n, frames or 1, 513); 0 at 0 Hz."""
    bins = torch.arange(1, FRAME // 2 + 1, device=sound.envelope.device) * (rate / FRAME)
    slope = (sound.tilt / 6.0206 * torch.log2(bins / 1000.0) * 0.6931472).clamp(max=7).exp()[:, None]
    if sound.center is not None:
        peaks = 0
        for k in range(sound.center.shape[-1]):
            offset = (bins - sound.center[..., k, None]) / (sound.width[..., k, None] / 2)
            peaks = peaks + sound.gain[..., k, None] / (1 + offset.square_())
        slope = slope * peaks
    return torch.nn.functional.pad(slope, (1, 0))
