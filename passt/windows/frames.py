"""The spectrograms of a clip's windows; STFT frames that several windows have in common are computed once.

A window's spectrogram is that of its excerpt alone: where the STFT reaches over the excerpt's edges, it is reflected
there. So the frames at both ends belong to one window, and all others to every window that covers them.
"""

import torch
from torch import Tensor

from passt.windows.waveforms import reflect_pad, unfolded
from passt.windows.mel import FFT, STFT_WINDOW, MelSpectrogram

REACH = STFT_WINDOW // 2  # samples of a frame on each side of its center
SHORTEST = FFT // 2 + 2  # samples that the STFT takes
WORTH = 2.0  # times fewer frames, from which sharing is the faster way


class Excerpts:
    """Windows of a clip as log-mel spectrograms, made when they are asked for.

    Args:
        audio: (samples,), padded so that the first window is its beginning.
        window, hop: in samples. rows: how many windows there are.

    Shape:
        excerpts[first:stop] -> (stop - first, 128, frames), frames = (window - 1) // mel.hop + 1.
    """

    def __init__(self, mel: MelSpectrogram, audio: Tensor, window: int, hop: int, rows: int) -> None:
        self.mel, self.audio, self.samples, self.hop, self.rows = mel, audio, window, hop, rows
        self.windows = unfolded(audio, window, hop, rows)
        stft_hop = mel.hop
        self.frames = (window - 1) // stft_hop + 1
        self.left = -(-REACH // stft_hop)  # frames that reach over the beginning
        self.right = (window - 1 - REACH) // stft_hop + 1  # the first one that reaches over the end
        self.head = max((self.left - 1) * stft_hop + REACH + 1, SHORTEST)
        self.tail = min(self.right * stft_hop - REACH, window - SHORTEST) // stft_hop * stft_hop
        of_its_own = (self.head + window - self.tail + hop) / stft_hop
        self.shared = rows > 1 and hop % stft_hop == 0 and self.tail > 0 and self.frames > WORTH * of_its_own

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: slice) -> Tensor:
        windows = self.windows[rows]
        if not self.shared:
            return self.mel(windows)
        start = rows.start * self.hop
        grid = self.mel(self.audio[start : start + (len(windows) - 1) * self.hop + self.samples])
        common = grid.unfold(-1, self.frames, self.hop // self.mel.hop)[:, : len(windows)].transpose(0, 1)
        first = self.mel(windows[:, : self.head])[..., : self.left]
        last = self.mel(windows[:, self.tail :])[..., self.right - self.tail // self.mel.hop :]
        return torch.cat([first, common[..., self.left : self.right], last], dim=-1)


def whole(mel: MelSpectrogram, clip: Tensor) -> Excerpts:
    """A clip as its only window."""
    return Excerpts(mel, clip, len(clip), len(clip), 1)


def centred(mel: MelSpectrogram, clip: Tensor, window: int, hop: int) -> Excerpts:
    """The windows centred on samples 0, hop, 2 hop, ... of a clip that is reflected at its edges."""
    padded = reflect_pad(clip, window // 2, window - window // 2)
    return Excerpts(mel, padded, window, hop, len(clip) // hop + 1)
