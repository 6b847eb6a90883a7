"""An encoder of the library transformers as an embedder."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ablations.models.hf import library, loading
from ablations.models.hf.known import Known, known
from ablations.models.hf.layout import Layout
from ablations.models.hf.loading import Network
from ablations.models.hf.outputs import Outputs, outputs_of
from ablations.models.hf.repository import CONFIGURATION, PREPROCESSORS
from downstream.disk.files import fingerprint
from passt.catalog.spec import EmbeddingSpec, Tap
from passt.devices import current, placed
from passt.network.identity import fingerprint_of
from passt.network.precision import arithmetic
from passt.tokens import TOKENS, capped, caps, keeps_tokens
from passt.windowed import WindowedEmbedder
from passt.windows.batches import Budget, Rows, forward_in_batches
from passt.windows.samples import clips_of
from passt.windows.transfer import stacked, to_host
from passt.windows.waveforms import Windows, timestamps, whole

FORMAT = 1  # part of the fingerprint; raised when the numbers change
BYTES_PER_SAMPLE = 6000
"""Of memory in a forward pass, at most: 512 channels at a fifth of the rate, in float32, several times."""
SECONDS_ON_CPU = 10
"""Of sound in a forward pass on a CPU."""
UNIMPORTANT = ("_name_or_path", "_commit_hash", "transformers_version", "dtype", "torch_dtype", "id2label", "label2id")
"""Entries of a configuration that decide no numbers."""
EXCERPT_PARTS = 2
"""Excerpts of a clip that is too long for the model are one part of so many of their length apart."""


class HfEmbedder(WindowedEmbedder):
    """An audio encoder of the library transformers.

    Every window goes through the library's own feature extractor and network. Windows of equal length share a batch; a
    window's numbers do not depend on its batch.

    Args:
        spec: its checkpoint is the encoder's address (`address`).
        device: "cpu" or "cuda".
        weights: must be None: the tensors are those of its folder or repository, or random.

    Attributes:
        labels: what each of the logits stands for.
        versions: of the library.

    Raises:
        ValueError: an encoder that is not there or can't be read.
    """

    calls_at_once = 1

    def __init__(self, spec: EmbeddingSpec, *, device: str = "cpu", weights: str | Path | None = None) -> None:
        if weights is not None:
            raise ValueError(f"{spec.checkpoint}: takes no weight file: its weights lie in its folder; got {weights}")
        self.device = placed(device)
        self.known: Known = known(spec.checkpoint)
        shape, files, config = self.known.shape, self.known.files, self.known.config
        if spec.weights.startswith("untrained-"):
            network = loading.untrained(config, files, int(spec.weights.removeprefix("untrained-")))
        else:
            network = loading.trained(config, files)
        state = network.whole.state_dict()
        self.network: Network = network
        network.whole.to(self.device)
        self.name = f"{spec.checkpoint}@{spec.weights}"
        self.sample_rate, self.min_samples = self.known.inputs.sample_rate, shape.min_samples
        self.max_window_ms = shape.max_samples * 1000 // self.sample_rate
        self.dims = shape.dims | shape.token_dims
        self.versions: Mapping[str, str] = {"transformers": library.version()}
        self.labels = _labels(config, shape.widths.get("logits"))
        self.fingerprint = fingerprint_of(self._settings(), state)
        on_cpu = SECONDS_ON_CPU * self.sample_rate
        self._budget = Budget.of_memory(self.device, on_cpu, BYTES_PER_SAMPLE)

    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Compute levels of all windows, each a mean, a largest value or the tokens of its frames."""
        return self._computed(views, functools.partial(self._vectors, levels=levels))

    def grid(self, level: str, window_ms: int | None) -> tuple[int, int]:
        """Count the bands and the frames that a level keeps of a window; None is the model's own extent."""
        layout = self._layout_of(level)
        return caps(layout.bands, layout.count(self._samples(window_ms or self.max_window_ms or 0)))

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int, lookahead_ms: int | None = None
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Compute timestamp embeddings: of windows, and where the window is None, of the whole clip.

        A whole clip goes through the model once, and the frame that is nearest to each timestamp is read. A clip that
        is too long for the model is cut into excerpts of the greatest length, half of it apart; a timestamp is read
        from the excerpt whose center is nearest.
        """
        framed = [tap for tap in taps if tap[1] is None]
        windowed = [tap for tap in taps if tap[1] is not None]
        self._check_taps(framed)
        self._check_lookahead(taps, lookahead_ms)
        for level, _ in framed:
            if level.endswith((".cls", TOKENS)) or not self._layout_of(level).timed:
                raise ValueError(f"{self.name}: {level} has no frames to read: ask for windows, such as w640")
        if not framed:
            return super().timestamps(clips, windowed, hop_ms, lookahead_ms)
        clips = clips_of(clips)
        times = [timestamps(len(clip), hop_ms, self.sample_rate) for clip in clips]
        hop = self._samples(hop_ms)
        with current(self.device):
            stacks = stacked(self._long_enough(list(clips)), self.device)
            lengths = [len(clips[index]) for index in stacks.order]
            values = self._read(stacks.tensors, [level for level, _ in framed], lengths, hop)
            rows = to_host([values[level] for level, _ in framed])
        steps = [len(time) for time in times]
        per_clip = stacks.per_clip(dict(zip(framed, rows, strict=True)), steps)
        if windowed:
            others = super().timestamps(clips, windowed, hop_ms)
            per_clip = [{tap: (a | b)[tap] for tap in taps} for a, (b, _) in zip(per_clip, others, strict=True)]
        return list(zip(per_clip, times, strict=True))

    def _read(
        self, stacks: Sequence[Tensor], levels: Sequence[str], lengths: Sequence[int], hop: int
    ) -> dict[str, Tensor]:
        """Read the frames at the timestamps of whole clips: level -> (steps of all clips, width)."""
        longest = self._samples(self.max_window_ms or 0)
        views = [_excerpts(stack, longest) for stack in stacks]
        computed = self._computed(views, functools.partial(self._frames, levels=levels))
        results: dict[str, list[Tensor]] = {level: [] for level in levels}
        remaining = list(lengths)
        for number, stack in enumerate(stacks):
            steps, remaining = [n // hop + 1 for n in remaining[: len(stack)]], remaining[len(stack) :]
            centers = torch.arange(max(steps), device=self.device) * hop
            begins = torch.tensor(_begins(stack.shape[-1], longest), device=self.device)
            excerpt = (centers[:, None] - begins - min(longest, stack.shape[-1]) / 2).abs().argmin(1)
            for level in levels:
                frames = computed[level][number].unflatten(0, (len(stack), len(begins)))
                nearest = self._layout_of(level).nearest(centers - begins[excerpt], frames.shape[2])
                read = frames[:, excerpt, nearest]
                results[level] += [row[:count] for row, count in zip(read, steps, strict=True)]
        return {level: torch.cat(parts) for level, parts in results.items()}

    def _computed(self, views: Sequence[Rows], read: Any) -> dict[str, list[Tensor]]:
        padded_to = self.known.shape.padded_to

        def samples(view: Any) -> int:
            return int(view.samples)

        def forward(windows: list[Tensor]) -> dict[str, Tensor]:
            audio = torch.cat(windows)
            with torch.no_grad(), arithmetic("highest"):
                inputs = self.known.inputs.of_windows(audio.cpu().numpy())
                sent = {name: value.to(self.device) for name, value in inputs.items()}
                outputs = outputs_of(self.network, sent, self.known.files)
                values: dict[str, Tensor] = read(outputs, audio.shape[-1])
                return values

        return forward_in_batches(
            views, forward, group_of=samples, cost_of=lambda view: padded_to or samples(view), budget=self._budget
        )

    def _vectors(self, outputs: Outputs, samples: int, levels: Sequence[str]) -> dict[str, Tensor]:
        """One vector of each window, level -> (rows, width), or its tokens (rows, bands, frames, width)."""
        vectors = {}
        for level in levels:
            name, _, variant = level.partition(".")
            layout, values = self._layout_of(level), _values(outputs, name)
            if variant == "cls":
                vectors[level] = layout.tokens(values).mean(1)
                continue
            bands = layout.frames(values, samples, outputs.shown)
            if keeps_tokens(level):
                vectors[level] = capped(bands)
                continue
            frames = bands.flatten(1, 2)
            vectors[level] = frames.amax(1) if variant == "max" else frames.mean(1)
        return vectors

    def _frames(self, outputs: Outputs, samples: int, levels: Sequence[str]) -> dict[str, Tensor]:
        """The frames of each window: level -> (rows, frames, width)."""
        frames = {}
        for level in levels:
            name, _, variant = level.partition(".")
            bands = self._layout_of(level).frames(_values(outputs, name), samples, outputs.shown)
            frames[level] = bands.amax(1) if variant == "max" else bands.mean(1)
        return frames

    def _layout_of(self, level: str) -> Layout:
        return self.known.shape.layouts[level.partition(".")[0]]

    def _settings(self) -> dict[str, Any]:
        """What decides the numbers beside the tensors, without the names of folders."""
        files = self.known.files
        config = {name: value for name, value in files.json([CONFIGURATION]).items() if name not in UNIMPORTANT}
        code = {}
        if files.address.remote_code:
            code = {path.name: fingerprint(path.read_text()) for path in sorted(files.folder.glob("*.py"))}
        network = type(self.network.whole).__name__
        preprocessor = files.json(PREPROCESSORS)
        return {"hf": network, "config": config, "preprocessor": preprocessor, "code": code, "format": FORMAT}


def _values(outputs: Outputs, name: str) -> Tensor:
    if name == "features":
        return outputs.features
    if name == "logits":
        assert outputs.logits is not None
        return outputs.logits
    return outputs.hidden[int(name.removeprefix("block"))]


def _begins(samples: int, longest: int) -> list[int]:
    """Where the excerpts of a clip begin; the last one ends with the clip."""
    apart = longest // EXCERPT_PARTS
    count = max(0, -(-(samples - longest) // apart)) + 1
    return [max(0, min(number * apart, samples - longest)) for number in range(count)]


def _excerpts(clips: Tensor, longest: int) -> Windows:
    """Cut clips of equal length into excerpts, clip after clip; a clip that is short enough is one."""
    begins = _begins(clips.shape[-1], longest)
    return whole(torch.stack([clips[:, begin : begin + longest] for begin in begins], 1).flatten(0, 1))


def _labels(config: Any, count: int | None) -> tuple[str, ...]:
    names = getattr(config, "id2label", None) or {}
    if not count or len(names) != count:
        return ()
    return tuple(str(names[number]) for number in sorted(names))
