"""PaSST's front end: the log-mel spectrogram that the checkpoints were trained with.

Source: Koutini et al. 2022 and the package hear21passt 0.0.26, whose values it reproduces.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from passt.catalog.architecture import MEL_BANDS, SAMPLE_RATE

FFT = 1024  # samples
STFT_WINDOW = 800  # samples, 25 ms
PRE_EMPHASIS = 0.97
AT_ONCE = 2**17  # samples on a CPU whose spectra stay in its cache; new memory costs more than the transform
FMIN, FMAX = 0.0, 15000.0  # Hz


class MelSpectrogram(nn.Module):
    """Pre-emphasis, power STFT, 128 Kaldi-style mel bands, log, fixed scaling.

    Args:
        hop: STFT hop in samples.

    Shape:
        (..., samples) at 32 kHz -> (..., 128, frames), frames = (samples - 1) // hop + 1.
        There must be at least 514 samples, because the STFT is centered, with reflected edges.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.register_buffer(
            "window", torch.hann_window(STFT_WINDOW, periodic=False, dtype=torch.float32), persistent=False
        )
        self.register_buffer("bands", mel_bands(), persistent=False)

    def forward(self, audio: Tensor, bands: Tensor | None = None) -> Tensor:
        """Compute spectrograms.

        Args:
            audio: (..., samples) at 32 kHz.
            bands: (128, 513), used in place of the fixed mel bands; for augmentation.
        """
        bands = self.bands if bands is None else bands
        parts: Sequence[Tensor] = (audio,)
        if audio.device.type == "cpu":
            flat = audio.reshape(-1, audio.shape[-1])
            parts = flat.split(max(1, AT_ONCE // flat.shape[-1]))
        mels = [self._scaled(part, bands) for part in parts]
        mel = mels[0] if len(mels) == 1 else torch.cat(mels)
        return mel.reshape(*audio.shape[:-1], MEL_BANDS, -1)

    def _scaled(self, audio: Tensor, bands: Tensor) -> Tensor:
        """(..., samples) -> (clips, 128, frames)."""
        audio = audio[..., 1:] - PRE_EMPHASIS * audio[..., :-1]  # new memory, even of windows that overlap
        spectrum = torch.stft(
            audio.reshape(-1, audio.shape[-1]), FFT, self.hop, STFT_WINDOW, self.window, return_complex=True
        )
        squares = torch.view_as_real(spectrum).square()
        power = (squares[..., 0] + squares[..., 1]).contiguous()  # a sum over the last axis takes twice as long
        return scaled(torch.log(torch.matmul(bands, power) + 1e-5))


def scaled(log_mel: Tensor) -> Tensor:
    """Scale logarithms of mel-band power as the checkpoints expect: (x + 4.5) / 5."""
    return (log_mel + 4.5) / 5.0


def mel_bands(fmin: float = FMIN, fmax: float = FMAX) -> Tensor:
    """Compute triangular mel bands, linear in mel = 1127 ln(1 + f / 700).

    As in Kaldi, the Nyquist bin is empty.

    Args:
        fmin: lower edge of the first band in Hz.
        fmax: upper edge of the last band in Hz.

    Returns:
        (128, 513): bands, FFT bins.
    """
    bins = torch.arange(FFT // 2, dtype=torch.float64) * (SAMPLE_RATE / FFT)
    low, high = (float(_mel(torch.tensor(f, dtype=torch.float64))) for f in (fmin, fmax))
    step = (high - low) / (MEL_BANDS + 1)
    left = (low + step * torch.arange(MEL_BANDS, dtype=torch.float64))[:, None]
    rising = (_mel(bins) - left) / step
    triangles = torch.minimum(rising, 2 - rising).clamp(min=0)
    return nn.functional.pad(triangles, (0, 1)).float()


def _mel(frequency: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(frequency / 700.0)
