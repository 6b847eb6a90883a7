"""The room and the recording of a clip: reverberation, microphone, noise, level."""

from collections.abc import Sequence

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from ablations.training.corpus.plan import room_of
from ablations.training.corpus.synthesis.randomness import OFFSETS, noise, uniform, whole
from passt.windows.batches import Budget

LONGEST = 1.6  # s, of an impulse response
AT_ONCE = 2  # clips whose convolutions are computed together on a CPU
BYTES_PER_SAMPLE, SHARE = 18, 0.1  # 16 are in use at the peak, counted on a CPU; of a GPU's memory for each thread
PEAK = (-18.0, -0.2)  # range of a clip's peak level in dB
REFLECTION = 40  # most samples by which the nearest surface delays the sound, which colors the spectrum
FLOOR = (-80.0, -32.0)  # range of the noise level in dB, relative to a clip's root mean square


def impulse_responses(clips: Sequence[int], rate: int, device: torch.device) -> Tensor:
    """Make impulse responses: direct sound, then decaying noise.

    The noise falls by 60 dB within the clip's reverberation time.

    Args:
        clips: keys of clips that have a reverberant room.
        rate: sample rate in Hz.
        device: where they are computed.

    Returns:
        (clips, LONGEST * rate); the direct sound is 1.
    """
    length = int(LONGEST * rate)
    decay = torch.tensor([room_of(clip)[1] for clip in clips], device=device)[:, None]
    wet = torch.tensor([0.25 + 0.75 * uniform(clip, "wet") for clip in clips], device=device)[:, None]
    early = 0.002 + 0.02 * (decay / 2.5)
    time = torch.arange(length, device=device) / rate
    level = torch.exp(-6.9078 * time / decay) * (time > early)
    offsets = torch.tensor([[whole(clip, f"room {t}", OFFSETS) for t in (0, 1)] for clip in clips], device=device)
    tail = noise(offsets, length)
    tail[:, 1:] += 0.6 * tail[:, :-1].clone()  # air and walls absorb high frequencies
    tail *= level
    tail *= wet / tail.square().sum(-1, keepdim=True).sqrt()
    tail[:, 0] += 1
    return tail


def reverberated(audio: Tensor, clips: Sequence[int], rate: int) -> Tensor:
    """Put clips into their rooms, in place. Dry clips stay as they are.

    Args:
        audio: (n, samples).
        clips: keys of the n clips.
        rate: sample rate in Hz.
    """
    chosen = [row for row, clip in enumerate(clips) if room_of(clip)[1] > 0]
    size = next_fast_len(audio.shape[-1] + int(LONGEST * rate), real=True)
    step = Budget.of_memory(audio.device, AT_ONCE, BYTES_PER_SAMPLE * size, SHARE).size
    for first in range(0, len(chosen), step):
        rows = chosen[first : first + step]
        spectrum = torch.fft.rfft(audio[rows], size)
        spectrum *= torch.fft.rfft(impulse_responses([clips[row] for row in rows], rate, audio.device), size)
        audio[rows] = torch.fft.irfft(spectrum, size)[:, : audio.shape[-1]]
    return audio


def recorded(audio: Tensor, clips: Sequence[int]) -> Tensor:
    """Record clips by a microphone near a surface, in place.

    This adds a spectral slope, a reflection and noise, and sets the level within [-1, 1].

    Args:
        audio: (n, samples).
        clips: keys of the n clips.
    """

    def column(name: str, low: float, high: float) -> Tensor:
        return torch.tensor([low + (high - low) * uniform(clip, name) for clip in clips], device=audio.device)[:, None]

    audio[:, 1:] += column("slope", -0.5, 0.5) * audio[:, :-1].clone()
    for row, clip in zip(audio, clips, strict=True):
        delay = 2 + whole(clip, "delay", REFLECTION)
        row[delay:] += row[:-delay] * (uniform(clip, "reflection") - 0.5)
    offsets = torch.tensor([[whole(c, f"floor {t}", OFFSETS) for t in (0, 1)] for c in clips], device=audio.device)
    loudness = audio.square().mean(-1, keepdim=True).sqrt()
    audio += noise(offsets, audio.shape[-1]) * (loudness * 10 ** (column("floor", *FLOOR) / 20))
    peak = audio.abs().amax(-1, keepdim=True).clamp(min=1e-9)
    return audio.mul_(10 ** (column("peak", *PEAK) / 20) / peak).clamp_(-1, 1)
