"""WindowedEmbedder: scene and timestamp embeddings from windows of sound.

A tap is a (level, window in ms) pair. A window of None is the model's own extent: its whole scene window for scene
embeddings, or the fixed excerpt of a level that has one, such as PaSST's ``mel``. All windows of all clips of a call go
through the network together.

A level that keeps tokens gives a grid of them for each window, frequency x time. An embedding of it is the tokens side
by side, frequency by frequency. Their number is that of the tap's window, whatever the length of the clip:

- A scene of several windows puts their grids side by side in time, and averages them to the columns of one.
- A scene that is shorter than the window has fewer columns, some of which are repeated.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from passt.catalog.choices import choices
from passt.catalog.spec import Tap
from passt.catalog.spec_text import MOST_MS
from passt.devices import current
from passt.tokens import keeps_tokens
from passt.windows.batches import Rows
from passt.windows.samples import clips_of
from passt.windows.transfer import stacked, to_host
from passt.windows.waveforms import Windows, joined, padded, steps, timestamps

CUDA_SOUND_S = 2000.0  # of windows in a call: four batches of PaSST; on an H200 an estimated 0.1 s in bf16, 2 s in fp32

CPU_SOUND_S = 240.0  # of a call on a CPU, at most, where tokens have to be bounded
TOKEN_BYTES = 256e6  # of the tokens of all windows of a call for scenes, before those of a clip are averaged

logger = logging.getLogger(__name__)


class WindowedEmbedder(ABC):
    """Base of embedders that compute any levels of any windows of a clip.

    Attributes:
        name: the model, for people.
        fingerprint: 16 hex digits that stand for everything that decides the numbers.
        sample_rate: rate of the audio in Hz.
        dims: level -> length of its embedding; of one token for levels that keep tokens.
        device: where the model computes.
        min_samples: shortest excerpt that the model can take, in samples. Zeros are added at the end of shorter clips.
        max_window_ms: longest excerpt in ms. A longer clip's scene embedding is the mean over windows of that length.
            None if there is no bound.
        max_scene_hop_ms: time between those windows in ms.
        excerpts: level -> samples, for levels with a fixed excerpt around a timestamp. They are not scene levels.
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

    def __repr__(self) -> str:
        levels = ", ".join(self.dims)
        return f"<{type(self).__name__} {self.name}, levels {levels}, {self.sample_rate} Hz, {self.device}>"

    @abstractmethod
    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Compute levels of all windows.

        Args:
            views: windows, as `cut` makes them.
            levels: names of levels.

        Returns:
            For each level one tensor (windows, dim) per view, on the embedder's device; of tokens (windows, rows,
            columns, width).
        """

    def grid(self, level: str, window_ms: int | None) -> tuple[int, int]:
        """Count the rows and columns of tokens that a level keeps of a window; None is the model's own extent."""
        raise NotImplementedError(f"{self.name}: has no level that keeps tokens, got {level}")

    def tokens(self, tap: Tap) -> int:
        """Count the tokens that an embedding of a tap holds side by side; 1 for a level that keeps none."""
        level, window_ms = tap
        return math.prod(self.grid(level, window_ms)) if keeps_tokens(level) else 1

    def cut(self, clips: Tensor, window: int, hop: int, rows: int) -> Rows:
        """Cut `rows` windows of `window` samples, `hop` samples apart, of each clip, the first at its beginning."""
        return Windows(clips, window, hop, rows)

    def whole(self, clips: Tensor) -> Rows:
        """Take each of the clips (clips, samples) as its only window."""
        return self.cut(clips, clips.shape[-1], clips.shape[-1], 1)

    def centered(self, clips: Tensor, window: int, hop: int) -> Rows:
        """Cut windows of `window` samples of each clip, centered on every multiple of `hop` samples."""
        return self.cut(padded(clips, window), window, hop, steps(clips.shape[-1], hop))

    def ahead(self, clips: Tensor, window: int, hop: int, lookahead: int) -> Rows:
        """Cut windows that reach `lookahead` samples beyond every multiple of `hop` samples of each clip."""
        return self.cut(padded(clips, window, lookahead), window, hop, steps(clips.shape[-1], hop))

    @property
    def calls_at_once(self) -> int:
        """How many threads may call the embedder at once.

        On CUDA there may be two: one computes while the other fetches its results.
        """
        return 2 if self.device.type == "cuda" else 1

    def seconds_at_once(self, taps: Sequence[Tap], hop_ms: int | None) -> float | None:
        """How many seconds of sound keep the device busy for a good part of a second; None if any do.

        Tokens of scenes bound them, so that those of all windows fit the memory.

        Args:
            taps: (level, window in ms) pairs.
            hop_ms: time between timestamps in ms; None for scene embeddings.
        """
        bounded = TOKEN_BYTES / rate if hop_ms is None and (rate := sum(map(self._token_rate, taps))) else math.inf
        if self.device.type != "cuda":
            return bounded if bounded < CPU_SOUND_S else None
        windows = {window for _, window in taps}
        overlaps = [window / (hop_ms or _scene_hop_ms(window)) if window else 1.0 for window in windows]
        return min(bounded, CUDA_SOUND_S / max(1.0, sum(overlaps)))

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Compute scene embeddings: the mean over windows of a tap's length, or tokens of all of them.

        A clip that is no longer than the window goes through in one pass. Windows of a restricted length are
        max(50, window // 4) ms apart; those of the model's maximum `max_scene_hop_ms`.

        Args:
            clips: mono waveforms in [-1, 1], each (samples,) at `sample_rate`; lengths may differ.
            taps: (level, window in ms) pairs.

        Returns:
            For each tap (clips, dim), float32, on the CPU.

        Raises:
            ValueError: a clip is not valid audio, or the model has no such level or window.
        """
        self._check_taps(taps)
        with self._unchanging(), current(self.device):
            stacks, values = stacked(self._long_enough(clips_of(clips)), self.device), {}
            for window_ms, levels in _by_window(taps).items():
                if excerpts := [level for level in levels if level in self.excerpts]:
                    raise ValueError(f"{self.name}: {excerpts[0]} is a level of timestamp embeddings only")
                length_ms = self.max_window_ms if window_ms is None else window_ms
                hop_ms = self.max_scene_hop_ms if window_ms is None else _scene_hop_ms(window_ms)
                window = None if length_ms is None else self._samples(length_ms)
                views = [
                    self.whole(stack)
                    if window is None or stack.shape[-1] <= window
                    else self.centered(stack, window, self._samples(hop_ms))
                    for stack in stacks.tensors
                ]
                for level, parts in self.levels(views, levels).items():
                    columns = self.grid(level, window_ms)[1] if keeps_tokens(level) else None
                    values[level, window_ms] = stacks.scenes(parts, columns)
            rows = to_host(list(values.values()))
        return dict(zip(values, map(stacks.sorted, rows), strict=True))

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int, lookahead_ms: int | None = None
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Compute timestamp embeddings, from windows centered on every multiple of `hop_ms`, or behind it.

        Args:
            clips: mono waveforms in [-1, 1], each (samples,) at `sample_rate`; lengths may differ.
            taps: (level, window in ms) pairs. The window is None for levels with a fixed excerpt.
            hop_ms: time between timestamps in ms.
            lookahead_ms: how far windows reach beyond their timestamp; zeros lie beyond the clip. None centers them on
                it, and reflects the clip at its edges.

        Returns:
            For each clip ({tap: (steps, dim)}, timestamps (steps,) in ms from 0), float32, on the CPU, where
            steps = samples // hop + 1.

        Raises:
            ValueError: a clip is not valid audio, the model has no such level or window, the hop is not positive, or
                the look-ahead is no part of every window.
        """
        self._check_taps(taps)
        self._check_lookahead(taps, lookahead_ms)
        if not (_is_whole(hop_ms) and hop_ms >= 1):
            raise ValueError(f"{self.name}: hop_ms must be a positive number of milliseconds, got {hop_ms}")
        for level, window_ms in taps:
            if (window_ms is None) != (level in self.excerpts):
                expected = "None" if level in self.excerpts else "milliseconds"
                raise ValueError(
                    f"{self.name}: the window of a timestamp tap {level} must be {expected}, got {window_ms}"
                )
        hop, values = self._samples(hop_ms), {}
        clips = clips_of(clips)
        with self._unchanging(), current(self.device):
            stacks = stacked(clips, self.device)
            for window_ms, levels in _by_window(taps).items():
                window = self.excerpts[levels[0]] if window_ms is None else self._samples(window_ms)
                if lookahead_ms is None:
                    views = [self.centered(stack, window, hop) for stack in stacks.tensors]
                else:
                    views = [self.ahead(stack, window, hop, self._samples(lookahead_ms)) for stack in stacks.tensors]
                for level, parts in self.levels(views, levels).items():
                    values[level, window_ms] = joined(parts).flatten(1)
            rows = to_host(list(values.values()))
        counts = [steps(len(clip), hop) for clip in clips]
        per_clip = stacks.per_clip(dict(zip(values, rows, strict=True)), counts)
        times = [timestamps(len(clip), hop_ms, self.sample_rate) for clip in clips]
        return list(zip(per_clip, times, strict=True))

    def _token_rate(self, tap: Tap) -> float:
        """Compute the bytes of tokens that the windows of a second of sound have for scenes; 0 if it keeps none."""
        level, window_ms = tap
        hop_ms = self.max_scene_hop_ms if window_ms is None else _scene_hop_ms(window_ms)
        return 4 * self.dims[level] * self.tokens(tap) * 1000 / hop_ms if keeps_tokens(level) else 0.0

    def _unchanging(self) -> AbstractContextManager[None]:
        """Hold what the embedder computes with for a call; see `passt.network.following`."""
        return nullcontext()

    def _check_taps(self, taps: Sequence[Tap]) -> None:
        for level, window_ms in taps:
            if level not in self.dims:
                known = choices(str(level), self.dims, listed_by="its attribute dims")
                raise ValueError(f"{self.name}: unknown level {level!r}{known}")
            least, most = -(-self.min_samples * 1000 // self.sample_rate), self.max_window_ms or MOST_MS
            if window_ms is not None and not (_is_whole(window_ms) and least <= window_ms <= most):
                raise ValueError(f"{self.name}: the window of a tap must be {least} to {most} ms, got {window_ms} ms")

    def _check_lookahead(self, taps: Sequence[Tap], lookahead_ms: int | None) -> None:
        if lookahead_ms is None:
            return
        if unlike := [level for level, window_ms in taps if window_ms is None]:
            raise ValueError(f"{self.name}: lookahead_ms must be None for {unlike[0]}, which takes no window")
        shortest = min((window_ms for _, window_ms in taps if window_ms is not None), default=MOST_MS)
        if not (_is_whole(lookahead_ms) and 0 <= lookahead_ms <= shortest):
            raise ValueError(f"{self.name}: lookahead_ms must be 0 to {shortest} ms, its window, got {lookahead_ms}")
        if type(self).centered is not WindowedEmbedder.centered:  # `ahead` would cut others than the model takes
            raise ValueError(f"{self.name}: lookahead_ms must be None, it cuts its own windows; got {lookahead_ms}")

    def _samples(self, ms: int) -> int:
        return self.sample_rate * ms // 1000

    def _long_enough(self, clips: list[Tensor]) -> list[Tensor]:
        """Add zeros to the end of clips that are too short for the model, and count them in the log."""
        lacking = [max(0, self.min_samples - len(clip)) for clip in clips]
        if count := sum(map(bool, lacking)):
            text = "%s: %d of %d clips are shorter than %d samples: zeros added at their end"
            logger.warning(text, self.name, count, len(clips), self.min_samples)
        return [torch.nn.functional.pad(clip, (0, n)) if n else clip for clip, n in zip(clips, lacking, strict=True)]


def _scene_hop_ms(window_ms: int) -> int:
    """The time between the windows of a scene, in ms, if their length is restricted."""
    return max(50, window_ms // 4)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _by_window(taps: Sequence[Tap]) -> dict[int | None, list[str]]:
    """Group levels by window, so that each window goes through the network once."""
    groups: dict[int | None, list[str]] = defaultdict(list)
    for level, window_ms in taps:
        groups[window_ms].append(level)
    return groups
