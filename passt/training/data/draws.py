"""What is random in a micro-batch: drawn in main memory, so that it is the same on every device, and sent at once."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor

from passt.training.data.augment import Augmentations, Mix, changed, masked
from passt.windows.transfer import moved


@dataclass(frozen=True)
class Draws:
    """The random numbers of a micro-batch, but for the network's dropout. None where nothing is drawn.

    Attributes:
        kept: (patches,), indices of the patches that stay.
        gain: (clips, 1), factors of the waveforms.
        shift: (clips,), samples by which the waveforms are rotated.
        wave_partner, wave_share: pairs of clips whose waveforms are mixed; see `Mix`.
        bands: (128, 513), mel bands.
        hidden_bands, hidden_frames: (clips, bands) and (clips, frames), true where spectrograms are masked.
        mel_partner, mel_share: pairs of clips whose spectrograms are mixed.
    """

    kept: Tensor | None
    gain: Tensor | None
    shift: Tensor | None
    wave_partner: Tensor | None
    wave_share: Tensor | None
    bands: Tensor | None
    hidden_bands: Tensor | None
    hidden_frames: Tensor | None
    mel_partner: Tensor | None
    mel_share: Tensor | None

    @classmethod
    def of(
        cls,
        augmentations: Augmentations,
        clips: int,
        shape: tuple[int, int],
        stream_of: Callable[[str], torch.Generator],
        kept: Tensor | None,
    ) -> "Draws":
        """Draw the numbers of a micro-batch.

        Args:
            augmentations: their strengths.
            clips: number of clips.
            shape: of a spectrogram, (bands, frames).
            stream_of: gives the random stream of a purpose.
            kept: indices of the patches that stay, which are drawn elsewhere.
        """
        waves = augmentations.wave_mix(clips, stream_of("wave mix"))
        mels = augmentations.mel_mix(clips, stream_of("mel mix"))
        gain, shift = augmentations.wave_changes(clips, stream_of("waves"))
        hidden_bands, hidden_frames = augmentations.masks(clips, shape, stream_of("masks"))
        return cls(
            kept=kept,
            gain=gain,
            shift=shift,
            wave_partner=waves.partner if waves else None,
            wave_share=waves.share if waves else None,
            bands=augmentations.bands(stream_of("bands")),
            hidden_bands=hidden_bands,
            hidden_frames=hidden_frames,
            mel_partner=mels.partner if mels else None,
            mel_share=mels.share if mels else None,
        )

    def waves(self, audio: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Change and mix waveforms (clips, samples), and mix their labels (clips, labels)."""
        audio = changed(audio, self.gain, self.shift)
        if self.wave_partner is None or self.wave_share is None:
            return audio, labels
        mix = Mix(self.wave_partner, self.wave_share)
        return mix.of_waves(audio), mix.of(labels)

    def mels(self, mel: Tensor, labels: Tensor, soft: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Mask and mix spectrograms (clips, bands, frames), and mix their labels, each (clips, labels)."""
        mel = masked(mel, self.hidden_bands, self.hidden_frames)
        if self.mel_partner is None or self.mel_share is None:
            return mel, labels, soft
        mix = Mix(self.mel_partner, self.mel_share)
        return mix.of(mel), mix.of(labels), None if soft is None else mix.of(soft)


class Prepared(NamedTuple):
    """A micro-batch on its device: audio (clips, samples), labels (clips, labels), and what was drawn for it."""

    audio: Tensor
    labels: Tensor
    draws: Draws


def sent(audio: Tensor, labels: Tensor, draws: Draws, device: torch.device) -> Prepared:
    """Move a micro-batch to a device; to CUDA in one copy, which nothing waits for."""
    audio, labels, *drawn = moved([audio, labels, *(getattr(draws, field.name) for field in fields(draws))], device)
    return Prepared(audio, labels, Draws(*drawn))
