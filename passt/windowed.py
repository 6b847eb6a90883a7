"""WindowedEmbedder: scene and timestamp embeddings of any model that turns windows of sound into levels.

A tap is a (level, window in ms) pair. A window of None is the model's own extent: its whole scene window for a scene, a
fixed excerpt for the levels that have one (PaSST's ``mel``). All windows of all clips of a call go through together.
"""

import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from passt.catalog.card import choices
from passt.catalog.spec import MOST_MS, Tap
from passt.windows.batches import Rows, joined, to_device, to_host
from passt.windows.centered import centred, timestamps
from passt.windows.samples import clips_of

logger = logging.getLogger(__name__)


class WindowedEmbedder(ABC):
    """What PaSST and windowed baselines share.

    Attributes:
        name: for people; `fingerprint`: 16 hex digits for all that decides the numbers.
        sample_rate: in Hz; `dims`: level -> width; `device`: where it computes.
        min_samples: the shortest excerpt the model can take; shorter clips get zeros at their end.
        max_window_ms: the longest excerpt; longer clips are the mean over windows of that length; None: no bound.
        max_scene_hop_ms: distance of those windows.
        excerpts: levels with an extent of their own around a timestamp, in samples; they are no scene levels.
    """

    name: str
    fingerprint: str
    sample_rate: int
    dims: Mapping[str, int]
    device: torch.device
    min_samples: int
    max_window_ms: int | None = None
    max_scene_hop_ms: int = 2500
    excerpts: Mapping[str, int] = {}

    @abstractmethod
    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Every level of every window: per clip its windows -> per level one (rows, dim) a clip, on the device."""

    def whole(self, clip: Tensor) -> Rows:
        """A clip as its only window."""
        return clip[None]

    def centred(self, clip: Tensor, window: int, hop: int) -> Rows:
        """The windows of so many samples centred on every multiple of `hop`."""
        return centred(clip, window, hop)

    @property
    def calls_at_once(self) -> int:
        """How many calls may be in progress, in threads: on CUDA one computes while another's results are fetched."""
        return 2 if self.device.type == "cuda" else 1

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Scene embeddings: the mean over windows of each tap's length, or one pass where the clip is no longer.

        Args:
            clips: mono, in [-1, 1], each (samples,) with at least one sample; lengths may differ
            (`passt.windows.samples`).
            taps: (level, window_ms); windows of a restricted length are max(50, window // 4) ms apart.

        Returns:
            Per tap (clips, dim), float32, on the CPU.
        """
        self._check_taps(taps)
        clips = to_device(self._long_enough(clips_of(clips)), self.device)
        found: dict[Tap, Tensor] = {}
        for window_ms, levels in _by_window(taps).items():
            if excerpts := [level for level in levels if level in self.excerpts]:
                raise ValueError(f"{self.name}: {excerpts[0]} is a level of timestamp embeddings only")
            length_ms = self.max_window_ms if window_ms is None else window_ms
            hop_ms = self.max_scene_hop_ms if window_ms is None else max(50, window_ms // 4)
            window = None if length_ms is None else self._samples(length_ms)
            views = [
                self.whole(clip)
                if window is None or len(clip) <= window
                else self.centred(clip, window, self._samples(hop_ms))
                for clip in clips
            ]
            for level, parts in self.levels(views, levels).items():
                found[level, window_ms] = torch.stack(
                    [part[0] if len(part) == 1 else part.mean(dim=0) for part in parts]
                )
        return dict(zip(found, to_host(list(found.values())), strict=True))

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Timestamp embeddings: a window of each tap's length, centred on every multiple of `hop_ms`.

        Args:
            clips: mono, in [-1, 1], each (samples,) with at least one sample; lengths may differ
            (`passt.windows.samples`).
            taps: (level, window_ms), with None for the levels that have an excerpt of their own.

        Returns:
            Per clip ({tap: (steps, dim)}, timestamps (steps,) in ms), float32, on the CPU;
            steps = samples // hop + 1.
        """
        self._check_taps(taps)
        if not (_is_whole(hop_ms) and hop_ms >= 1):
            raise ValueError(f"{self.name}: hop_ms must be a positive number of milliseconds, got {hop_ms}")
        clips = to_device(clips_of(clips), self.device)
        for level, window_ms in taps:
            if (window_ms is None) != (level in self.excerpts):
                wanted = "None" if level in self.excerpts else "milliseconds"
                raise ValueError(
                    f"{self.name}: the window of a timestamp tap {level} must be {wanted}, got {window_ms}"
                )
        hop = self._samples(hop_ms)
        steps = [len(clip) // hop + 1 for clip in clips]
        found: dict[Tap, Tensor] = {}
        for window_ms, levels in _by_window(taps).items():
            window = self.excerpts[levels[0]] if window_ms is None else self._samples(window_ms)
            views = [self.centred(clip, window, hop) for clip in clips]
            for level, parts in self.levels(views, levels).items():
                found[level, window_ms] = joined(parts)
        rows = [tap_rows.split(steps) for tap_rows in to_host(list(found.values()))]
        per_clip = [dict(zip(found, parts, strict=True)) for parts in zip(*rows, strict=True)] or [{} for _ in clips]
        times = [timestamps(len(clip), hop_ms, self.sample_rate) for clip in clips]
        return list(zip(per_clip, times, strict=True))

    def _check_taps(self, taps: Sequence[Tap]) -> None:
        for level, window_ms in taps:
            if level not in self.dims:
                raise ValueError(f"{self.name}: unknown level {level!r}{choices(str(level), self.dims)}")
            least, most = -(-self.min_samples * 1000 // self.sample_rate), self.max_window_ms or MOST_MS
            if window_ms is not None and not (_is_whole(window_ms) and least <= window_ms <= most):
                raise ValueError(f"{self.name}: the window of a tap must be {least} to {most} ms, got {window_ms} ms")

    def _samples(self, ms: int) -> int:
        return self.sample_rate * ms // 1000

    def _long_enough(self, clips: list[Tensor]) -> list[Tensor]:
        """The clips, those too short for the model with zeros at their end; how many is said."""
        lacking = [max(0, self.min_samples - len(clip)) for clip in clips]
        if count := sum(map(bool, lacking)):
            text = "%s: %d of %d clips are shorter than %d samples: zeros added at their end"
            logger.warning(text, self.name, count, len(clips), self.min_samples)
        return [torch.nn.functional.pad(clip, (0, n)) if n else clip for clip, n in zip(clips, lacking, strict=True)]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _by_window(taps: Sequence[Tap]) -> dict[int | None, list[str]]:
    """The levels of each window, so that a window passes through the network once."""
    found: dict[int | None, list[str]] = defaultdict(list)
    for level, window_ms in taps:
        found[window_ms].append(level)
    return found
