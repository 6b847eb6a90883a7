"""What a training step does to its clips: gain, rolling, mixup, jittered mel bands, masks in the spectrogram.

Source: PaSST's training code (github.com/kkoutini/PaSST), whose values are the defaults; mixup is Zhang et al. 2018,
the masks are SpecAugment's (Park et al. 2019). There the other clip of a waveform mixup comes from anywhere in the
data; here, as in that of spectrograms, from the same micro-batch.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from passt.windows.mel import FMAX, FMIN, mel_bands, scaled

MASKED = float(scaled(torch.zeros(())))  # a mask is the log-mel value 0, before the scaling


@dataclass(frozen=True)
class Augmentations:
    """How strong each is; 0 is off.

    Attributes:
        gain_db: a whole number of decibels from -gain_db to gain_db - 1, a draw a clip.
        roll_samples: rotated in time by up to so many samples either way, a draw a clip.
        mixup_alpha: of Beta(alpha, alpha), the share of a clip in a mix of two waveforms, at least 1/2; labels are
            mixed too. mixup_rate: share of clips that are mixed.
        mel_mixup_alpha: the same with spectrograms, of every clip.
        frequency_mask, time_mask: the widest mask in mel bands and in frames, one of each a clip.
        fmin_jitter, fmax_jitter: Hz in which the mel bands begin (upwards) and end (either way), a draw a micro-batch.
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

    def waves(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        """Gain and rolling: (clips, samples) -> the same shape."""
        if self.gain_db:
            decibels = torch.randint(-self.gain_db, self.gain_db, (len(audio), 1), generator=generator)
            audio = audio * (10 ** (decibels / 20)).to(audio)
        if self.roll_samples:
            reach = self.roll_samples
            shifts = torch.randint(-reach, reach + 1, (len(audio),), generator=generator).tolist()
            audio = torch.stack([clip.roll(shift) for clip, shift in zip(audio, shifts, strict=True)])
        return audio

    def wave_mix(self, clips: int, generator: torch.Generator) -> "Mix | None":
        """Who is mixed with whom as waveforms."""
        if not (self.mixup_alpha and self.mixup_rate):
            return None
        mix = Mix.drawn(clips, self.mixup_alpha, generator)
        mixed = torch.rand(clips, generator=generator) < self.mixup_rate
        return Mix(mix.partner, torch.where(mixed, mix.share, 1.0))

    def mel_mix(self, clips: int, generator: torch.Generator) -> "Mix | None":
        """Who is mixed with whom as spectrograms."""
        return Mix.drawn(clips, self.mel_mixup_alpha, generator) if self.mel_mixup_alpha else None

    def bands(self, generator: torch.Generator) -> Tensor | None:
        """Jittered mel bands (128, 513); None: as they are."""
        if not (self.fmin_jitter or self.fmax_jitter):
            return None
        low = int(torch.randint(self.fmin_jitter, (), generator=generator)) if self.fmin_jitter else 0
        high = int(torch.randint(self.fmax_jitter, (), generator=generator)) if self.fmax_jitter else 0
        return mel_bands(FMIN + low, FMAX + self.fmax_jitter // 2 - high)

    def masked(self, mel: Tensor, generator: torch.Generator) -> Tensor:
        """Spectrograms (clips, bands, frames) with a mask along each axis; those given may be written to."""
        for axis, widest in ((1, self.frequency_mask), (2, self.time_mask)):
            if widest:
                hidden = _masks(len(mel), mel.shape[axis], widest, generator).to(mel.device)
                mel = mel.masked_fill(hidden.unsqueeze(3 - axis), MASKED)
        return mel


@dataclass(frozen=True)
class Mix:
    """For each clip another one, and its own share of the two."""

    partner: Tensor
    share: Tensor

    @classmethod
    def drawn(cls, clips: int, alpha: float, generator: torch.Generator) -> "Mix":
        """Partners by a permutation, shares from Beta(alpha, alpha), the larger part of each."""
        partner = torch.randperm(clips, generator=generator)
        seed = int(torch.randint(2**62, (), generator=generator))  # torch's own Beta takes no generator
        shares = np.random.default_rng(seed).beta(alpha, alpha, clips)
        return cls(partner, torch.from_numpy(np.maximum(shares, 1 - shares)).float())

    def of(self, values: Tensor) -> Tensor:
        """(clips, ...) mixed; of waveforms see `of_waves`."""
        share = self.share.to(values).view(-1, *[1] * (values.ndim - 1))
        return share * values + (1 - share) * values[self.partner.to(values.device)]

    def of_waves(self, audio: Tensor) -> Tensor:
        """(clips, samples), each without its mean, mixed; clips that are alone stay what they are."""
        mixed = self.of(audio - audio.mean(dim=1, keepdim=True))
        return torch.where((self.share < 1).to(audio.device)[:, None], mixed, audio)


def _masks(clips: int, length: int, widest: int, generator: torch.Generator) -> Tensor:
    """(clips, length), true where hidden: of a width up to `widest`, anywhere that it fits."""
    width = torch.rand(clips, 1, generator=generator) * min(widest, length)
    start = (torch.rand(clips, 1, generator=generator) * (length - width)).floor()
    place = torch.arange(length)
    return (place >= start) & (place < start + width.floor())
