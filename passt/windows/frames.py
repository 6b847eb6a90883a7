"""Log-mel spectrograms of windows of clips.

STFT frames that windows have in common are computed once.

The spectrogram of a window is that of its excerpt alone: at the excerpt's edges the STFT sees the reflected excerpt. So
the frames at both ends of a window belong to it alone; all other frames are shared by every window that covers them.
"""

import torch
from torch import Tensor

from passt.windows.mel import FFT, STFT_WINDOW, MelSpectrogram
from passt.windows.waveforms import Windows, joined

REACH = STFT_WINDOW // 2  # samples of a frame on each side of its center
SHORTEST = FFT // 2 + 2  # samples of the shortest excerpt that the STFT takes
WORTH = 2.0  # how many times fewer frames make sharing faster


class Excerpts:
    """Windows of clips of equal length, clip after clip, as log-mel spectrograms that are computed when indexed.

    Args:
        mel: the front end.
        audio: (clips, samples), padded so that the first window is at its beginning.
        window: length of a window in samples.
        hop: distance of windows in samples.
        rows: number of windows of each clip.

    Shape:
        excerpts[first:stop] -> (stop - first, 128, frames), frames = (window - 1) // mel.hop + 1.
    """

    def __init__(self, mel: MelSpectrogram, audio: Tensor, window: int, hop: int, rows: int) -> None:
        self.mel, self.audio, self.samples, self.hop = mel, audio, window, hop
        self.windows = Windows(audio, window, hop, rows)
        stft_hop = mel.hop
        self.frames = (window - 1) // stft_hop + 1
        self.left = -(-REACH // stft_hop)  # frames that reach over the beginning
        self.right = (window - 1 - REACH) // stft_hop + 1  # the first one that reaches over the end
        self.head = max((self.left - 1) * stft_hop + REACH + 1, SHORTEST)
        self.tail = min(self.right * stft_hop - REACH, window - SHORTEST) // stft_hop * stft_hop
        unshared = (self.head + window - self.tail + hop) / stft_hop  # frames to compute for each window
        self.shared = rows > 1 and hop % stft_hop == 0 and self.tail > 0 and self.frames > WORTH * unshared

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, rows: slice) -> Tensor:
        if not self.shared:
            mels: Tensor = self.mel(self.windows[rows])
            return mels
        return joined([self._sharing(clips, steps).flatten(0, 1) for clips, steps in self.windows.blocks(rows)])

    def _sharing(self, clips: slice, steps: slice) -> Tensor:
        """Compute the same windows of some clips: (clips, windows, 128, frames)."""
        windows = self.windows.cut[clips, steps]
        count, start = steps.stop - steps.start, steps.start * self.hop
        grid = self.mel(self.audio[clips, start : start + (count - 1) * self.hop + self.samples])
        common = grid.unfold(-1, self.frames, self.hop // self.mel.hop)[:, :, :count].transpose(1, 2)
        first = self.mel(windows[..., : self.head])[..., : self.left]
        last = self.mel(windows[..., self.tail :])[..., self.right - self.tail // self.mel.hop :]
        return torch.cat([first, common[..., self.left : self.right], last], dim=-1)
