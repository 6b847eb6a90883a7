"""Windows of a waveform at timestamps, and the times of these."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def reflect_pad(clips: Tensor, left: int, right: int) -> Tensor:
    """Pad clips by reflection, as numpy does: the reflection repeats as often as needed.

    A single sample is repeated.

    >>> reflect_pad(torch.tensor([[1.0, 2.0, 3.0]]), 3, 1).tolist()
    [[2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]

    Args:
        clips: (clips, samples).
        left: samples to add at the beginning.
        right: samples to add at the end.
    """
    samples = clips.shape[-1]
    if max(left, right) < samples:
        return F.pad(clips, (left, right), mode="reflect")
    period = max(2 * (samples - 1), 1)
    position = torch.arange(-left, samples + right, device=clips.device) % period
    return clips[:, torch.minimum(position, period - position)]


class Windows:
    """Windows of clips of equal length, clip after clip, which are cut when they are indexed.

    Args:
        audio: (clips, samples), padded so that the first window is at its beginning.
        window: length of a window in samples.
        hop: distance of windows in samples.
        rows: number of windows of each clip.

    Attributes:
        cut: (clips, rows, window), a view.
        samples: length of a window.

    Shape:
        windows[first:stop] -> (stop - first, window), a view where they are of one clip.
    """

    def __init__(self, audio: Tensor, window: int, hop: int, rows: int) -> None:
        self.cut, self.samples = audio.unfold(-1, window, hop)[:, :rows], window

    def __len__(self) -> int:
        return self.cut.shape[0] * self.cut.shape[1]

    def __getitem__(self, rows: slice) -> Tensor:
        return joined([self.cut[block].flatten(0, 1) for block in self.blocks(rows)])

    def blocks(self, rows: slice) -> list[tuple[slice, slice]]:
        """Cover windows by at most three blocks of clips, and of the same windows of each of them."""
        each = self.cut.shape[1]
        (first, begin), (last, end) = divmod(rows.start, each), divmod(rows.stop, each)
        if first == last:
            return [(slice(first, first + 1), slice(begin, end))]
        blocks = [(slice(first, first + 1), slice(begin, each))] if begin else []
        if (whole := first + bool(begin)) < last:
            blocks.append((slice(whole, last), slice(0, each)))
        return [*blocks, (slice(last, last + 1), slice(0, end))] if end else blocks


def padded(clips: Tensor, window: int, lookahead: int | None = None) -> Tensor:
    """Pad clips so that the window of their first sample is at the beginning, and that of their last has its length.

    A window with a look-ahead sees silence beyond the clip. A reflection at the beginning would show it sound from
    behind its timestamp, which a causal window must not see.

    >>> padded(torch.tensor([[1.0, 2.0, 3.0]]), 2, lookahead=0).tolist()
    [[0.0, 0.0, 1.0, 2.0, 3.0]]

    Args:
        clips: (clips, samples).
        window: length of a window in samples.
        lookahead: samples of a window from its timestamp on. None centers windows, and reflects clips at their edges.

    Returns:
        (clips, samples + window).
    """
    if lookahead is None:
        return reflect_pad(clips, window // 2, window - window // 2)
    return F.pad(clips, (window - lookahead, lookahead))


def steps(samples: int, hop: int) -> int:
    """Count the timestamps 0, hop, 2 hop, ... of a clip, up to its end."""
    return samples // hop + 1


def centered(clips: Tensor, window: int, hop: int) -> Windows:
    """Cut windows centered on samples 0, hop, 2 hop, ... of clips (clips, samples), reflected at their edges.

    Args:
        clips: (clips, samples).
        window: length of a window in samples.
        hop: distance of window centers in samples.

    Returns:
        samples // hop + 1 windows of each clip.
    """
    return Windows(padded(clips, window), window, hop, steps(clips.shape[-1], hop))


def whole(clips: Tensor) -> Windows:
    """Take each of the clips (clips, samples) as its only window."""
    return Windows(clips, clips.shape[-1], clips.shape[-1], 1)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate tensors along the first axis. A single tensor is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def timestamps(samples: int, hop_ms: int, sample_rate: int) -> Tensor:
    """Compute the timestamps of a clip in ms, from 0.

    >>> timestamps(samples=4000, hop_ms=50, sample_rate=32000).tolist()
    [0.0, 50.0, 100.0]

    Args:
        samples: length of the clip in samples.
        hop_ms: time between timestamps in ms.
        sample_rate: rate of the audio in Hz.

    Returns:
        (samples // hop + 1,), float32, on the CPU.
    """
    count = steps(samples, sample_rate * hop_ms // 1000)
    return torch.arange(count, dtype=torch.float32, device="cpu") * hop_ms
