"""Augmentation of clips: gain, rolling, mixup, jittered mel bands, spectrogram masks.

Source: PaSST's training code (github.com/kkoutini/PaSST), whose values are the defaults; mixup is Zhang et al. 2018,
the masks are SpecAugment's (Park et al. 2019). One thing differs: there, the second clip of a waveform mixup comes from
anywhere in the data; here it comes from the same micro-batch, as it does for spectrograms in both.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from passt.windows.mel import FMAX, FMIN, mel_bands, scaled

MASKED = float(scaled(torch.zeros(())))  # masks have the log-mel value 0, before the scaling


@dataclass(frozen=True)
class Augmentations:
    """The strength of each augmentation. 0 turns it off.

    Attributes:
        gain_db: each clip is amplified by a whole number of decibels from -gain_db to gain_db - 1.
        roll_samples: each clip is rotated in time by up to this many samples in either direction.
        mixup_alpha: waveforms and their labels are mixed in pairs. The share of a clip in its mix is at least 1/2 and
            drawn from Beta(alpha, alpha).
        mixup_rate: part of the clips whose waveforms are mixed, 0 to 1.
        mel_mixup_alpha: all spectrograms are mixed in pairs, with shares from Beta(alpha, alpha).
        frequency_mask: each clip has one mask along frequency, at most this wide, in mel bands.
        time_mask: each clip has one mask along time, at most this wide, in frames.
        fmin_jitter: the mel bands of a micro-batch begin up to this much higher, in Hz.
        fmax_jitter: the mel bands of a micro-batch end anywhere in a range of this width around the usual end, in Hz.

    Raises:
        ValueError: a strength is out of its range.
    """

    gain_db: int = 7
    roll_samples: int = 50
    mixup_alpha: float = 2.0
    mixup_rate: float = 0.5
    mel_mixup_alpha: float = 0.3
    frequency_mask: int = 48
    time_mask: int = 192
    fmin_jitter: int = 10
    fmax_jitter: int = 2000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 0:
                raise ValueError(f"augmentations {name} must be 0 or more, got {value}")
        if self.mixup_rate > 1:
            raise ValueError(f"augmentations mixup_rate must be 0 to 1, got {self.mixup_rate}")
        if self.fmax_jitter > 2000:
            raise ValueError(f"augmentations fmax_jitter must be 2000 Hz or less, got {self.fmax_jitter}")

    def wave_changes(self, clips: int, generator: torch.Generator) -> tuple[Tensor | None, Tensor | None]:
        """Draw factors (clips, 1) and rotations (clips,) in samples, for `changed`; None for what is off."""
        gain, shift, reach = None, None, self.roll_samples
        if self.gain_db:
            decibels = torch.randint(-self.gain_db, self.gain_db, (clips, 1), generator=generator)
            gain = (10 ** (decibels / 20)).float()
        if reach:
            shift = torch.randint(-reach, reach + 1, (clips,), generator=generator)
        return gain, shift

    def wave_mix(self, clips: int, generator: torch.Generator) -> "Mix | None":
        """Draw the pairs of clips whose waveforms are mixed; None if mixing is off."""
        if not (self.mixup_alpha and self.mixup_rate):
            return None
        mix = Mix.drawn(clips, self.mixup_alpha, generator)
        mixed = torch.rand(clips, generator=generator) < self.mixup_rate
        return Mix(mix.partner, torch.where(mixed, mix.share, 1.0))

    def mel_mix(self, clips: int, generator: torch.Generator) -> "Mix | None":
        """Draw the pairs of clips whose spectrograms are mixed; None if mixing is off."""
        return Mix.drawn(clips, self.mel_mixup_alpha, generator) if self.mel_mixup_alpha else None

    def bands(self, generator: torch.Generator) -> Tensor | None:
        """Draw jittered mel bands (128, 513); None if jitter is off."""
        if not (self.fmin_jitter or self.fmax_jitter):
            return None
        low = int(torch.randint(self.fmin_jitter, (), generator=generator)) if self.fmin_jitter else 0
        high = int(torch.randint(self.fmax_jitter, (), generator=generator)) if self.fmax_jitter else 0
        return mel_bands(FMIN + low, FMAX + self.fmax_jitter // 2 - high)

    def masks(
        self, clips: int, shape: tuple[int, int], generator: torch.Generator
    ) -> tuple[Tensor | None, Tensor | None]:
        """Draw what is hidden of spectrograms of a shape (bands, frames), for `masked`; None for what is off.

        The masks are (clips, bands) and (clips, frames), true where they hide.
        """
        bands, frames = shape
        hidden_bands = _masks(clips, bands, self.frequency_mask, generator) if self.frequency_mask else None
        return hidden_bands, (_masks(clips, frames, self.time_mask, generator) if self.time_mask else None)


def changed(audio: Tensor, gain: Tensor | None, shift: Tensor | None) -> Tensor:
    """Apply factors (clips, 1) and rotations (clips,) to waveforms: (clips, samples) -> the same shape."""
    if gain is not None:
        audio = audio * gain
    if shift is None:
        return audio
    return _gathered(audio, shift) if audio.is_cuda else _rolled(audio, shift)


def _rolled(audio: Tensor, shift: Tensor) -> Tensor:
    return torch.stack([clip.roll(samples) for clip, samples in zip(audio, shift.tolist(), strict=True)])


def _gathered(audio: Tensor, shift: Tensor) -> Tensor:
    """Do as `_rolled`, on a GPU: all clips together, and without waiting for the numbers."""
    place = torch.arange(audio.shape[1], device=audio.device) - shift[:, None]
    return audio.gather(1, place.remainder_(audio.shape[1]))


def masked(mel: Tensor, bands: Tensor | None, frames: Tensor | None) -> Tensor:
    """Mask spectrograms (clips, bands, frames) where bands (clips, bands) and frames (clips, frames) are true."""
    if bands is not None:
        mel = mel.masked_fill(bands[:, :, None], MASKED)
    return mel if frames is None else mel.masked_fill(frames[:, None, :], MASKED)


@dataclass(frozen=True)
class Mix:
    """Pairs of clips to mix.

    Attributes:
        partner: (clips,), index of the second clip of each pair.
        share: (clips,), share of the first clip in the mix, 1/2 to 1.
    """

    partner: Tensor
    share: Tensor

    @classmethod
    def drawn(cls, clips: int, alpha: float, generator: torch.Generator) -> "Mix":
        """Draw partners by a permutation, and shares from Beta(alpha, alpha).

        The larger part of each draw is the share of the first clip.
        """
        partner = torch.randperm(clips, generator=generator)
        seed = int(torch.randint(2**62, (), generator=generator))  # torch's Beta distribution takes no generator
        shares = np.random.default_rng(seed).beta(alpha, alpha, clips)
        return cls(partner, torch.from_numpy(np.maximum(shares, 1 - shares)).float())

    def of(self, values: Tensor) -> Tensor:
        """Mix labels or spectrograms: (clips, ...) -> the same shape. For waveforms see `of_waves`."""
        share = self.share.to(values).view(-1, *[1] * (values.ndim - 1))
        return share * values + (1 - share) * values[self.partner.to(values.device)]

    def of_waves(self, audio: Tensor) -> Tensor:
        """Mix waveforms (clips, samples) after removing their means.

        Clips with share 1 stay unchanged.
        """
        mixed = self.of(audio - audio.mean(dim=1, keepdim=True))
        return torch.where((self.share < 1).to(audio.device)[:, None], mixed, audio)


def _masks(clips: int, length: int, widest: int, generator: torch.Generator) -> Tensor:
    """Draw one mask per clip: (clips, length), true inside.

    A mask is up to `widest` wide, and at any place where it fits.
    """
    width = torch.rand(clips, 1, generator=generator) * min(widest, length)
    start = (torch.rand(clips, 1, generator=generator) * (length - width)).floor()
    place = torch.arange(length)
    return (place >= start) & (place < start + width.floor())
